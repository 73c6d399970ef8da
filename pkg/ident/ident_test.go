package ident_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/ident"
)

// The vectors are a contract with everything that was ever stored: they are never changed, only added to.
func TestVectors(t *testing.T) {
	t.Parallel()
	order := ident.Order("shopify", "default", "450789469")
	delivery := ident.DeliveryOf("stripe", "default", "payment_intent.succeeded", "evt_1", sha256.Sum256([]byte("body")))
	cause := ident.Fact(delivery, 1, 2)
	for _, vector := range []struct {
		got  fmt.Stringer
		want string
	}{
		{order, "94810206-b24f-5b87-b98c-98b5d7a86521"},
		{ident.Order("", "", ""), "81bdf052-174f-52d0-a3b3-3b829eb6eeb7"},
		{ident.Order("checkout", "ü", "€"), "4b7aa4f7-48f0-579c-818e-d2016d7d0e27"},
		{ident.SKU("MUG-BLUE"), "3b28e647-9a48-59e4-8ab7-127ab56ac76c"},
		{delivery, "9c49191d-6513-5081-9b2d-740abf4d36fe"},
		{cause, "fc5e7e81-2cbd-5043-bcde-b7c2176bc1df"},
		{ident.Fact(delivery, 0, 0), "c2b7671f-4575-5759-b79d-066de924f977"},
		{ident.Reading(delivery, 1), "53bc898b-92bc-5419-9df9-6835752d8557"},
		{ident.EventOf("payment", "payment", order, cause, "payment.v1.PaymentCaptured", 0), "1a5bab8a-797e-5235-b1bb-315c2599e7b2"},
		{ident.EventOf("payment", "payment", order, cause, "payment.v1.PaymentCaptured", 3), "d93ca8f5-587a-588a-b6d6-1ddea2735e8d"},
		{ident.Named("timer", "payment", order.String(), "settle"), "56ce84f7-df28-5cfc-a0df-311e34d50dc2"},
	} {
		assert.Equal(t, vector.want, vector.got.String(), "%T", vector.got)
	}
}

func TestIdsAreOfVersion5(t *testing.T) {
	t.Parallel()
	assert.Equal(t, uuid.Version(5), uuid.UUID(ident.SKU("x")).Version())
	assert.True(t, ident.Entity{}.IsZero())
	assert.True(t, ident.Cause{}.IsZero())
	assert.False(t, ident.SKU("").IsZero())
}

// Wherever the border between two parts runs, the id is another one.
func TestPartsNeverRunIntoOneAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.String(), 1, 4)
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		same := fmt.Sprintf("%q", a) == fmt.Sprintf("%q", b)
		assert.Equal(t, same, ident.Named(a...) == ident.Named(b...))
	})
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.StringN(3, 12, -1).Draw(t, "whole")
		seen := map[ident.Entity]bool{}
		n := 0
		for i := range len(whole) + 1 {
			for j := i; j <= len(whole); j++ {
				seen[ident.Order(whole[:i], whole[i:j], whole[j:])] = true
				n++
			}
		}
		assert.Len(t, seen, n)
	})
}

// Ids of different kinds never meet, even where they are made of the same parts.
func TestKindsNeverMeet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.String()
		a, b, c := part.Draw(t, "a"), part.Draw(t, "b"), part.Draw(t, "c")
		delivery := ident.DeliveryOf(a, b, c, a, [32]byte{1})
		other := ident.DeliveryOf(a, b, c, a, [32]byte{2})
		order := ident.Order(a, b, c)
		cause := ident.Named(a, b, c)
		ids := map[uuid.UUID]bool{}
		all := []uuid.UUID{
			uuid.UUID(order), uuid.UUID(ident.SKU(a)), uuid.UUID(delivery), uuid.UUID(other),
			uuid.UUID(ident.Fact(delivery, 0, 0)), uuid.UUID(ident.Fact(delivery, 0, 1)), uuid.UUID(ident.Fact(delivery, 1, 0)),
			uuid.UUID(ident.EventOf(a, b, order, cause, c, 0)), uuid.UUID(ident.EventOf(a, b, order, cause, c, 1)), uuid.UUID(cause),
		}
		for _, id := range all {
			ids[id] = true
		}
		assert.Len(t, ids, len(all))
	})
}
