package ingress

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// portal is a body of so many orders, each with a word that it is paid.
func portal(orders int) string {
	all := make([]string, orders)
	for n := range all {
		all[n] = fmt.Sprintf(`{"order_id":"%d","purchase_order_number":"PO-%d","currency":"EUR","items":[{"sku":"MUG","quantity":2,"price":"12.50"}],"paid":"25"}`, n, n)
	}
	return `{"type":"orders.placed","timestamp":"2026-03-01T12:00:00Z","data":{"orders":[` + strings.Join(all, ",") + `]}}`
}

func bulk(t *testing.T, body string) *intakev1.Delivery {
	t.Helper()
	r := source.Request{Body: []byte(body), ReceivedAt: time.Unix(1772366400, 0)}
	a := source.Account{Name: "default", Mode: source.Live}
	reading, err := Read(SourceByName("b2b"), r, a)
	require.NoError(t, err)
	d, _ := NewDelivery(SourceByName("b2b"), r, a, reading)
	return d
}

// However little room there is, what is published fits, holds the whole body, and tells whole orders or none.
func TestWhatDoesNotFitIsLeftOutOrderByOrder(t *testing.T) {
	t.Parallel()
	body := portal(200)
	whole, err := encode(bulk(t, body), 1<<20)
	require.NoError(t, err)
	require.Len(t, decode(t, whole).GetFacts(), 400)
	require.Nil(t, decode(t, whole).GetQuarantine())
	last := 400
	for most := len(whole) - 1; most > len(body)+500; most -= 1 + len(whole)/50 {
		data, err := encode(bulk(t, body), int64(most))
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), most)
		d := decode(t, data)
		kept := len(d.GetFacts())
		assert.Equal(t, body, string(d.GetBody()))
		assert.Less(t, kept, last)
		assert.Zero(t, kept%2, "an order without its payment")
		assert.Equal(t, fmt.Sprintf(tooMuchSaid, 400, kept), d.GetQuarantine().GetDetail())
		assert.Equal(t, source.BadValue, d.GetQuarantine().GetReason())
		last = kept + 2
	}
	assert.Less(t, last, 40)
}

func TestWhatIsWrongBesideIsSaidToo(t *testing.T) {
	t.Parallel()
	d := bulk(t, strings.Replace(portal(200), `"EUR"`, `"euros"`, 1))
	data, err := encode(d, int64(proto.Size(d)-1))
	require.NoError(t, err)
	detail := decode(t, data).GetQuarantine().GetDetail()
	assert.Contains(t, detail, "1 of 200 orders")
	assert.Contains(t, detail, "; it says more than fits into a message: of 398 facts the first 3")
}

// JSON stands in JSON in more bodies than one: there NUL can be written so that the body does not show it.
func TestNothingOfAFactHoldsNUL(t *testing.T) {
	t.Parallel()
	for _, nul := range []string{`\\u0000`, `\u005cu0000`, `\u005c\u00750\u003000`} {
		body := `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1772366400,"livemode":true,"data":{"object":{"id":"pi_1","amount":100,"currency":"usd",` +
			`"metadata":{"order_number":"1","items":"[{\"sku\":\"MUG\",\"title\":\"a` + nul + `b\",\"quantity\":1,\"price\":\"1.00\"}]"}}}}`
		reading, err := Read(SourceByName("stripe"), source.Request{Body: []byte(body)}, source.Account{Mode: source.Live, Shop: source.ShopKey{Source: "checkout", Account: "default"}})
		require.NoError(t, err)
		require.Len(t, reading.Facts, 2, reading.Quarantine.GetDetail())
		require.Equal(t, "a\uFFFDb", reading.Facts[1].GetOrderDescribed().GetLines()[0].GetTitle(), nul)
	}
}
