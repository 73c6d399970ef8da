package shopify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/shopify"
	"github.com/orderflow/orderflow/services/ingress/source"
)

const published = "../../../../shared/fixtures/shopify"

// Every body that Shopify publishes as an example is taken: signed by us, verified, and read without a complaint.
func TestPublishedExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(published, "*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the published examples are not here: " + published)
	}
	// Bodies that become facts; the others are news that orders do not need.
	tells := map[string]int{
		"orders/create": 2, "orders/updated": 2, "orders/paid": 2, "orders/cancelled": 2, "orders/fulfilled": 2, "orders/partially_fulfilled": 2,
		"orders/delete": 1, "order_transactions/create": 1, "refunds/create": 2, "disputes/create": 1, "fulfillments/create": 1, "fulfillments/update": 1,
	}
	for _, file := range files {
		topic := topicOf(file)
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			reading := deliver(t, topic, body)
			if strings.TrimSpace(string(body)) == "{}" { // an example of nothing
				require.Equal(t, source.MissingField, reading.Quarantine.GetReason())
				return
			}
			require.Nil(t, reading.Quarantine)
			assert.Len(t, reading.Facts, tells[topic])
			for _, f := range reading.Facts {
				if d := f.GetOrderDescribed(); d != nil {
					assert.NoError(t, addsUp(d))
				}
			}
		})
	}
}

// topicOf is the topic that a file is named after: orders_create.json, order_transactions_create.json.
func topicOf(file string) string {
	base := strings.TrimSuffix(filepath.Base(file), ".json")
	for _, resource := range []string{"order_transactions", "fulfillment_events", "inventory_levels"} {
		if rest, found := strings.CutPrefix(base, resource+"_"); found {
			return resource + "/" + rest
		}
	}
	resource, rest, _ := strings.Cut(base, "_")
	return resource + "/" + rest
}

// deliver signs, verifies and reads a body.
func deliver(t *testing.T, topic string, body []byte) source.Reading {
	t.Helper()
	s, a := shopify.New(), account()
	h, err := s.Sign(body, source.Signing{Secret: a.Secrets[0], At: now(), Topic: topic})
	require.NoError(t, err)
	r := source.Request{Header: h, Body: body, ReceivedAt: now()}
	require.NoError(t, s.Verify(r, a))
	return s.Read(r, a)
}

func account() source.Account {
	return source.Account{Name: "default", Secrets: []string{"hush"}, Mode: source.Both, Shop: source.ShopKey{Source: "shopify", Account: "default"}}
}

func now() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }
