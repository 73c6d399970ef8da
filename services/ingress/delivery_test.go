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
