package woocommerce_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/woocommerce"
)

const published = "../../../../shared/fixtures/woocommerce"

// Every body that WooCommerce publishes as an example is taken: signed by us, verified, and read without a complaint.
func TestPublishedExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(published, "*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the published examples are not here: " + published)
	}
	// What each tells: the order, that it is paid, and what went back. The product counts no stock of its own.
	tells := map[string]int{
		"order.created.json": 2, "order.created.other.json": 3, "order.updated.completed.json": 2, "order.trashed.json": 2, "product.updated.json": 0,
	}
	for _, file := range files {
		base := filepath.Base(file)
		if strings.HasPrefix(base, "rest.") {
			continue // an answer of the API, not a delivery
		}
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, topic := range topicsOf(base) {
				reading := deliver(t, topic, body)
				require.Nil(t, reading.Quarantine)
				assert.Len(t, reading.Facts, tells[base])
				for _, f := range reading.Facts {
					if d := f.GetOrderDescribed(); d != nil {
						assert.NoError(t, addsUp(d))
					}
				}
			}
		})
	}
}

// topicsOf are the topics that a file is an example of. An order in full says the same under all of them.
func topicsOf(base string) []string {
	if strings.HasPrefix(base, "product.") {
		return []string{"product.updated"}
	}
	return []string{"order.created", "order.updated", "order.restored", "order.deleted"}
}

// deliver signs, verifies and reads a body.
func deliver(t *testing.T, topic string, body []byte) source.Reading {
	t.Helper()
	s, a := woocommerce.New(), account()
	h, err := s.Sign(body, source.Signing{Secret: a.Secrets[0], At: now(), Topic: topic})
	require.NoError(t, err)
	r := source.Request{Header: h, Body: body, ReceivedAt: now()}
	require.NoError(t, s.Verify(r, a))
	return s.Read(r, a)
}

func account() source.Account {
	return source.Account{Name: "default", Secrets: []string{"hush & hush"}, Mode: source.Both, Shop: source.ShopKey{Source: "woocommerce", Account: "default"}}
}

func now() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }
