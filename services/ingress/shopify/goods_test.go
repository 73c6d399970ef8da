package shopify_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

func TestFulfillments(t *testing.T) {
	t.Parallel()
	const order = `"order_id":9,`
	for name, c := range map[string]struct{ body, want string }{
		"no number yet":    {`{"id":1,` + order + `"status":"pending","tracking_company":null,"tracking_numbers":[],"line_items":[{"id":2,"sku":"A","quantity":3}]}`, "shipment created shopify/default/9 shopify:fulfillment:1 by  [] 2:A:3"},
		"cancelled":        {`{"id":1,` + order + `"status":"cancelled","shipment_status":"in_transit","tracking_company":"USPS","tracking_number":"94","tracking_numbers":["94"],"line_items":[{"id":2,"sku":"A","quantity":3}]}`, "shipment cancelled shopify/default/9 shopify:fulfillment:1 by usps [94] 2:A:3"},
		"nothing in it":    {`{"id":1,` + order + `"status":"success","line_items":[{"id":2,"sku":"A","quantity":0}]}`, "shipment created shopify/default/9 shopify:fulfillment:1 by  []"},
		"a carrier of own": {`{"id":1,` + order + `"status":"success","tracking_company":"Bring & Co.","tracking_number":" ab 1 ","line_items":[{"id":2,"quantity":1}]}`, "shipment created shopify/default/9 shopify:fulfillment:1 by bringco [AB1] 2::1"},
		"no order":         {`{"id":1,"status":"success","line_items":[]}`, "quarantine no_reference: order_id is missing"},
		"unheard of":       {`{"id":1,` + order + `"status":"teleported","line_items":[]}`, "quarantine bad_value: status is none that we know"},
		"half a piece":     {`{"id":1,` + order + `"status":"success","line_items":[{"id":2,"quantity":0.5}]}`, "quarantine bad_value: line_items[0].quantity is not a whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, []string{c.want}, story(deliver(t, "fulfillments/create", []byte(c.body))))
		})
	}
}

// What Shopify heard of a carrier is told again with every change of the fulfillment; it is one scan.
func TestAStepOfAParcelIsKnownAgain(t *testing.T) {
	t.Parallel()
	scan := func(updated string) *intakev1.ScanReported {
		facts := deliver(t, "fulfillments/update", []byte(`{"id":1,"order_id":9,"status":"success","shipment_status":"delivered","updated_at":"`+updated+
			`","tracking_company":"UPS","tracking_number":"1Z","line_items":[{"id":2,"quantity":1}]}`)).Facts
		require.Len(t, facts, 2)
		assert.Equal(t, []string{"tracking:ups:1Z"}, facts[1].GetReferences())
		return facts[1].GetScanReported()
	}
	assert.Equal(t, scan("2026-11-25T10:00:00Z").GetScanId(), scan("2026-11-26T10:00:00Z").GetScanId())
}

func TestCountsAndItems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, topic, body, want string }{
		{"not counted there", "inventory_levels/update", `{"inventory_item_id":1,"location_id":2,"available":null}`, ""},
		{"below nothing", "inventory_levels/connect", `{"inventory_item_id":1,"location_id":2,"available":-3}`, "stock [item:shopify:default:1] shopify:2: -3 left"},
		{"taken from a location", "inventory_levels/disconnect", `{"inventory_item_id":1,"location_id":2}`, "stock [item:shopify:default:1] shopify:2: 0 left"},
		{"counted there, whatever the topic says", "inventory_levels/disconnect", `{"inventory_item_id":1,"location_id":2,"available":7}`, "stock [item:shopify:default:1] shopify:2: 7 left"},
		{"no location", "inventory_levels/update", `{"inventory_item_id":1,"available":3}`, "quarantine missing_field: location_id is missing"},
		{"half of one", "inventory_levels/update", `{"inventory_item_id":1,"location_id":2,"available":0.5}`, "quarantine bad_value: available is not a whole number"},
		{"an item", "inventory_items/update", `{"id":9007199254740993,"sku":"MÜG","tracked":true}`, `product MÜG "" [item:shopify:default:9007199254740993]`},
		{"an item without a SKU", "inventory_items/create", `{"id":1,"sku":null}`, ""},
		{"the one variant of a product", "products/create", `{"id":1,"title":"Mug","variants":[{"sku":"MUG","title":"Default Title","inventory_item_id":5},{"sku":"","inventory_item_id":6}]}`, `product MUG "Mug" [item:shopify:default:5]`},
		{"a variant without an item", "products/update", `{"id":1,"title":"Mug","variants":[{"sku":"MUG"}]}`, "quarantine missing_field: variants[0].inventory_item_id is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := []string{c.want}
			if c.want == "" {
				want = []string{}
			}
			assert.Equal(t, want, story(deliver(t, c.topic, []byte(c.body))))
		})
	}
}
