package load

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// What is sent is read by the ingress's own sources as what was meant: this order, these lines, paid, nothing in doubt.
func TestEveryBodyIsReadAsItsOrder(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := ingress.SourceByName(name)
			body, err := templateOf(name)
			require.NoError(t, err)
			rapid.Check(t, func(t *rapid.T) {
				orders := Orders{
					Seed: rapid.Uint64().Draw(t, "seed"), SKUs: rapid.IntRange(1, 20_000).Draw(t, "SKUs"), Hot: rapid.Bool().Draw(t, "hot"),
					At: time.Unix(rapid.Int64Range(1_700_000_000, 2_000_000_000).Draw(t, "at"), 0),
				}
				n := rapid.IntRange(0, 1_000_000).Draw(t, "n")
				o := orders.order(n)
				text := body.write(nil, &o)
				require.True(t, json.Valid(text), "%s", text)
				read := provider.Read(source.Request{Body: text, Header: headers(t, provider, text, name), ReceivedAt: o.at}, source.Account{
					Name: "default", Mode: source.Both, Shop: source.ShopKey{Source: "checkout", Account: "default"},
				})
				require.Nil(t, read.Quarantine)
				described, paid := 0, 0
				for _, f := range read.Facts {
					id, ok := bus.EntityOf(f)
					require.True(t, ok)
					require.Equal(t, orders.Entity(name, n), id)
					switch b := f.GetBody().(type) {
					case *intakev1.Fact_OrderDescribed:
						described++
						sameOrder(t, &o, b.OrderDescribed)
					case *intakev1.Fact_PaymentReported:
						paid++
						require.Equal(t, o.total(), b.PaymentReported.GetAmount().GetMinorUnits())
						require.Equal(t, intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, b.PaymentReported.GetStep())
					case *intakev1.Fact_PaidClaimed:
						paid++
					}
				}
				require.Equal(t, []int{1, 1}, []int{described, paid})
			})
		})
	}
}

func headers(t *rapid.T, provider source.Source, body []byte, name string) map[string][]string {
	h, err := provider.Sign(body, source.Signing{Secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", At: time.Now(), Topic: topics[name], ID: "1"})
	require.NoError(t, err)
	return h
}

func sameOrder(t *rapid.T, o *order, d *intakev1.OrderDescribed) {
	require.Equal(t, o.total(), d.GetTotals().GetTotal().GetMinorUnits())
	require.Equal(t, o.email(), d.GetPerson().GetEmail())
	require.Len(t, d.GetLines(), len(o.lines))
	for i, l := range d.GetLines() {
		read := line{l.GetSku(), l.GetQuantity(), l.GetUnitPrice().GetMinorUnits()}
		require.Equal(t, o.lines[i], read)
	}
}

func TestOrdersFollowFromTheirSeed(t *testing.T) {
	t.Parallel()
	at := time.Now()
	one, again, other := Orders{Seed: 7, SKUs: 50, At: at}, Orders{Seed: 7, SKUs: 50, At: at}, Orders{Seed: 8, SKUs: 50, At: at}
	seen := map[string]int{}
	for n := range 500 {
		o := one.order(n)
		assert.Equal(t, o, again.order(n))
		assert.NotEqual(t, o.number, other.order(n).number)
		assert.NotEqual(t, o.id, other.order(n).id)
		assert.NotEqual(t, o.lines[0].sku, o.lines[1].sku)
		skus, pieces := one.Lines(n)
		assert.Equal(t, []string{o.lines[0].sku, o.lines[1].sku}, skus)
		assert.Equal(t, []int64{o.lines[0].quantity, o.lines[1].quantity}, pieces)
		seen[skus[0]]++
		seen[skus[1]]++
	}
	assert.Len(t, seen, 50, "every SKU has its turn")
	assert.Equal(t, "LOAD-0000", SKU(0))
	assert.Equal(t, "LOAD-0999", SKU(999))
	assert.Equal(t, "LOAD-12345", SKU(12_345))
}

func TestAHotSKUIsInEveryOrder(t *testing.T) {
	t.Parallel()
	for n := range 100 {
		skus, _ := Orders{Seed: 1, SKUs: 10, Hot: true}.Lines(n)
		assert.Equal(t, SKU(0), skus[0])
		assert.NotEqual(t, SKU(0), skus[1])
	}
}
