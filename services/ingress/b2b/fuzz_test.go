package b2b_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// Whatever a portal writes, reading it twice says the same, every fact is about something and can be kept, and a good
// order beside it is read.
func FuzzRead(f *testing.F) {
	body, err := os.ReadFile("testdata/orders_placed.json")
	require.NoError(f, err)
	f.Add(string(body), plain("2"))
	for _, kind := range []string{"orders.placed", "orders.updated", "orders.cancelled", "orders.paid", "order.placed", "payment.captured", "shipment.created", "product.updated", "stock.updated", "orders.", ""} {
		f.Add(about(kind, `"orders":[`+plain("1")+`,null,1,{}],"order_id":"1","amount":1,"currency":"EUR","payment":{"provider":"a","id":"b"},"shipment":{"id":"s"},"product":{"id":1,"sku":"A"},"sku":"A","on_hand":1`), plain("1"))
	}
	f.Add(many("orders.placed", plain("1"), plain("1")), `{"purchase_order_number":"#","items":[{"quantity":3,"price":"0.0001","price_per":7}],"currency":"EUR"}`)
	f.Add("\xef\xbb\xbf{}", `{"order_id":"\u0000","buyer":{"company":"\ud800"},"billing_address":null,"paid":1e99,"payments":[null],"refunds":[{}],"items":[null],"currency":"EUR"}`)
	f.Add(`{"type":"orders.placed","data":{"orders":{}}}`, `[[[]]]`)
	f.Fuzz(func(t *testing.T, body, order string) {
		bodies := []string{body}
		if json.Valid([]byte(order)) {
			bodies = append(bodies, many("orders.placed", order, plain("beside")))
		}
		for _, body := range bodies {
			first, again := read(body), read(body)
			require.Len(t, again.Facts, len(first.Facts))
			for i, f := range first.Facts {
				require.True(t, proto.Equal(f, again.Facts[i]))
				_, err := proto.Marshal(f)
				require.NoError(t, err)
				require.NotNil(t, f.GetBody())
				require.True(t, f.GetOrder().GetId() != "" || len(f.GetReferences()) > 0 || f.GetStockReported().GetSku() != "")
			}
			detail := first.Quarantine.GetDetail()
			require.Equal(t, first.Quarantine == nil, detail == "")
			require.True(t, utf8.ValidString(detail) && len(detail) < 1200)
		}
		if len(bodies) > 1 && !strings.Contains(order, "beside") {
			require.Equal(t, "beside", read(bodies[1]).Facts[len(read(bodies[1]).Facts)-1].GetOrder().GetId())
		}
	})
}
