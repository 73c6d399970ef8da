package orderctl

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// published are bodies that providers publish as examples. They stand beside the repository where there are some.
const published = "../../../shared/fixtures"

// notTaken are examples that are quarantined, with why they are.
var notTaken = map[string]string{
	"shopify/inventory_levels_update.json":    "an empty object",
	"amazon/rest.orders-getOrderAddress.json": "an answer of the Orders API, no notification",
	"amazon/sns.Notification.json":            "its message is a word, no notification of the Selling Partner API",
	"easypost/rest.shipment_buy.json":         "an answer of the API, no event",
	"fedex/ship_response.json":                "an answer of the Ship API, no tracking event",
	"fedex/track_response.json":               "one of the two parcels in it is an error without a tracking number; the other one is read",
	"woocommerce/rest.order_refund.json":      "an answer of the API: WooCommerce tells of refunds in the order",
}

// topicOf is the topic of an example, where its provider tells it in a header: files are named after it.
func topicOf(source, file string) []string {
	base := strings.TrimSuffix(filepath.Base(file), ".json")
	switch source {
	case "shopify":
		for _, resource := range []string{"order_transactions", "fulfillment_events", "inventory_levels"} {
			if action, ok := strings.CutPrefix(base, resource+"_"); ok {
				return []string{"--topic", resource + "/" + action}
			}
		}
		resource, action, _ := strings.Cut(base, "_")
		return []string{"--topic", resource + "/" + action}
	case "woocommerce":
		resource, action, _ := strings.Cut(base, ".")
		action, _, _ = strings.Cut(action, ".")
		if action == "trashed" { // which WooCommerce tells as a deletion
			action = "deleted"
		}
		if resource != "rest" {
			return []string{"--topic", resource + "." + action}
		}
	}
	return nil
}

// bodyShows are the examples whose topic is to be told without the header.
func bodyShows(name string) bool { return name != "shopify/orders_delete.json" } // an id, and nothing else

// Every published body of a webhook is read without a complaint, with the money that is in it.
func TestPublishedExamplesAreNormalized(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(published, "*", "*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the published examples are not here: " + published)
	}
	sums := 0
	for _, file := range files {
		source := filepath.Base(filepath.Dir(file))
		name := source + "/" + filepath.Base(file)
		if !slices.Contains(sourceNames(), source) {
			continue // Standard Webhooks is how the checkout signs, and its examples tell of nobody's orders
		}
		r := webhook(t, "", append([]string{"normalize", "--source", source, file}, topicOf(source, file)...)...)
		if why := notTaken[name]; why != "" {
			assert.Equal(t, 1, r.code, "%s is read, though it is %s", name, why)
			assert.Contains(t, r.said, "quarantined", name)
			continue
		}
		require.Equal(t, 0, r.code, "%s: %s", name, r.said)
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		if want := moneyIn(source, tree(t, body)); len(want) > 0 {
			sums++
			assert.Equal(t, want, moneyTold(t, r.out), name)
		}
		without := webhook(t, "", "normalize", "--source", source, file)
		if bodyShows(name) {
			assert.Equal(t, 0, without.code, "%s, without its topic: %s", name, without.said)
			assert.Equal(t, moneyTold(t, r.out), moneyTold(t, without.out), name)
		}
	}
	assert.Greater(t, sums, 20, "examples with money in them")
}

// node is a part of a body, looked at as a person would: no types, numbers digit by digit.
type node struct{ value any }

func tree(t *testing.T, body []byte) node {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	require.NoError(t, d.Decode(&value))
	return node{value}
}

func (n node) at(path ...string) node {
	for _, key := range path {
		object, _ := n.value.(map[string]any)
		n = node{object[key]}
	}
	return n
}

func (n node) all() (nodes []node) {
	list, _ := n.value.([]any)
	for _, each := range list {
		nodes = append(nodes, node{each})
	}
	return nodes
}

func (n node) text() string {
	switch v := n.value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// rat is a decimal; 0 where there is none.
func (n node) rat() *big.Rat {
	r, ok := new(big.Rat).SetString(n.text())
	if !ok {
		return new(big.Rat)
	}
	return r
}

// cents is a whole number of hundredths.
func (n node) cents() *big.Rat { return new(big.Rat).Quo(n.rat(), big.NewRat(100, 1)) }

func addUp(nodes []node, of func(node) *big.Rat) *big.Rat {
	sum := new(big.Rat)
	for _, n := range nodes {
		sum.Add(sum, of(n))
	}
	return sum
}

// moneyIn adds up what a body says, by the provider's own rules: what the order comes to, what was paid, given back,
// disputed. Empty where there is no money in it.
func moneyIn(source string, body node) map[string]string {
	want := map[string]*big.Rat{}
	switch source {
	case "stripe":
		stripeMoney(body.at("data", "object"), body.at("type").text(), want)
	case "adyen":
		for _, item := range body.at("notificationItems").all() {
			want["paid"] = item.at("NotificationRequestItem", "amount", "value").cents()
		}
	case "woocommerce":
		if body.at("line_items").value != nil {
			parts := append(body.at("line_items").all(), append(body.at("shipping_lines").all(), body.at("fee_lines").all()...)...)
			want["order"] = addUp(parts, func(n node) *big.Rat { return new(big.Rat).Add(n.at("total").rat(), n.at("total_tax").rat()) })
		}
		for _, refund := range body.at("refunds").all() {
			want["refunded"] = new(big.Rat).Sub(orNone(want["refunded"]), refund.at("total").rat())
		}
	case "shopify":
		shopifyMoney(body, want)
	}
	said := map[string]string{}
	for what, sum := range want {
		said[what] = sum.FloatString(2)
	}
	return said
}

func orNone(r *big.Rat) *big.Rat {
	if r == nil {
		return new(big.Rat)
	}
	return r
}

func stripeMoney(object node, topic string, want map[string]*big.Rat) {
	switch {
	case strings.HasPrefix(topic, "charge.dispute."):
		want["disputed"] = object.at("amount").cents()
	case topic == "charge.refunded":
		want["refunded"] = object.at("amount_refunded").cents()
	case topic == "charge.refund.updated":
		want["refunded"] = object.at("amount").cents()
	case topic == "checkout.session.completed":
		want["paid"] = object.at("amount_total").cents()
	case topic == "payment_intent.succeeded":
		want["paid"] = object.at("amount_received").cents()
	case topic == "payment_intent.amount_capturable_updated":
		want["paid"] = object.at("amount_capturable").cents()
	default:
		want["paid"] = object.at("amount").cents()
	}
}

func shopifyMoney(body node, want map[string]*big.Rat) {
	switch {
	case body.at("financial_status").value != nil:
		sum := addUp(body.at("line_items").all(), func(n node) *big.Rat { return new(big.Rat).Mul(n.at("price").rat(), n.at("current_quantity").rat()) })
		sum.Sub(sum, addUp(body.at("line_items").all(), func(n node) *big.Rat {
			return addUp(n.at("discount_allocations").all(), func(a node) *big.Rat { return a.at("amount").rat() })
		}))
		sum.Add(sum, addUp(body.at("shipping_lines").all(), func(n node) *big.Rat { return n.at("discounted_price").rat() }))
		if included, _ := body.at("taxes_included").value.(bool); !included {
			sum.Add(sum, addUp(body.at("tax_lines").all(), func(n node) *big.Rat { return n.at("price").rat() }))
		}
		want["order"] = sum
	case body.at("refund_line_items").value != nil:
		want["refunded"] = addUp(body.at("transactions").all(), func(n node) *big.Rat { return n.at("amount").rat() })
	case body.at("kind").value != nil:
		want["paid"] = body.at("amount").rat()
	case body.at("evidence_due_by").value != nil:
		want["disputed"] = body.at("amount").rat()
	}
}

// moneyTold is what the facts that normalize printed come to. Of refunds the sums of the single ones count, where they are
// told beside what went back so far.
func moneyTold(t *testing.T, out string) map[string]string {
	t.Helper()
	said := map[string]string{}
	refunds, soFar := new(big.Rat), ""
	for _, fact := range tree(t, []byte(out)).at("facts").all() {
		if totals := fact.at("order_described", "totals"); totals.value != nil {
			said["order"] = totals.at("total", "decimal").text()
		}
		if amount := fact.at("payment_reported", "amount"); amount.value != nil {
			said["paid"] = amount.at("decimal").text()
		}
		if amount := fact.at("dispute_reported", "amount"); amount.value != nil {
			said["disputed"] = amount.at("decimal").text()
		}
		if r := fact.at("refund_reported"); r.at("refund_id").value != nil {
			refunds.Add(refunds, r.at("amount", "decimal").rat())
			said["refunded"] = refunds.FloatString(2)
		} else if r.value != nil {
			soFar = r.at("amount", "decimal").text()
		}
	}
	if soFar != "" {
		if one, ok := said["refunded"]; ok {
			assert.Equal(t, soFar, one, "what went back so far, and its parts")
		}
		said["refunded"] = soFar
	}
	return said
}
