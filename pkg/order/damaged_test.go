package order_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
)

// Whatever is appended is folded for ever: an event that says nothing must not break it.
func TestEventsThatSayNothingFold(t *testing.T) {
	t.Parallel()
	n := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		name := strings.TrimPrefix(string(mt.Descriptor().FullName()), "orderflow.")
		category := event.CategoryOf(name)
		if category == event.Stock || !strings.HasPrefix(name, string(category)+".") || strings.Count(name, ".") != 2 {
			return true
		}
		for _, known := range event.Categories {
			if category != known {
				continue
			}
			n++
			id := ident.Order("checkout", "default", "1")
			s, err := order.Fold(id, []event.Recorded{{Entity: id, Category: category, Version: 1, Type: name, Message: mt.New().Interface()}})
			if assert.NoError(t, err, name) {
				assert.NotPanics(t, func() { _, _, _ = s.Status(), s.Gates(), s.Funds() }, name)
			}
		}
		return true
	})
	assert.Greater(t, n, 30)
}

func TestADamagedEventIsNotPassedOver(t *testing.T) {
	t.Parallel()
	id := ident.Order("checkout", "default", "1")
	_, err := order.Fold(id, []event.Recorded{{
		Entity: id, Category: event.Payment, Version: 1, Type: "payment.v1.PaymentCaptured", Damaged: errors.New("half a message"),
	}})
	require.ErrorIs(t, err, order.ErrDamaged)
	assert.Contains(t, err.Error(), "payment 1: half a message")
	s, err := order.Fold(id, []event.Recorded{{Entity: id, Category: event.Payment, Version: 1, Type: "payment.v9.NotYet"}})
	require.NoError(t, err)
	assert.Equal(t, 1, s.Unknown)
}
