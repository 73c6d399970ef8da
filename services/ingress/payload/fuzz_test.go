package payload_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// However a price is written, a line that is taken comes to what was told, within the smallest unit.
func FuzzPrice(f *testing.F) {
	for _, c := range [][4]string{
		{"10000", `"0.0125"`, "", ""}, {"3", `"0.3333"`, "1", `"1.00"`}, {"-1", "1", "", ""}, {"0", "0.001", "7", "0"}, {"3", "", "", "10"},
		{"9223372036854775807", `"92233720368547758.07"`, "9223372036854775807", "1"}, {"1", "1e2", "", "1e2"}, {"2", `"-0.005"`, "", `"-0.01"`}, {"1", "1e-400", "1", "1e400"},
	} {
		f.Add(c[0], c[1], c[2], c[3])
	}
	f.Fuzz(func(t *testing.T, quantity, price, per, amount string) {
		item := map[string]json.RawMessage{}
		for key, text := range map[string]string{"quantity": quantity, "price": price, "price_per": per, "amount": amount} {
			if json.Valid([]byte(text)) {
				item[key] = json.RawMessage(text)
			}
		}
		data, err := json.Marshal(item)
		if err != nil {
			t.Skip()
		}
		x := read("order.placed", fmt.Sprintf(`"currency":"EUR","items":[%s]`, data))
		if len(x.Facts) == 0 {
			require.NotNil(t, x.Trouble.Quarantine())
			return
		}
		l := x.Facts[0].GetOrderDescribed().GetLines()[0]
		comes := new(big.Int).Mul(big.NewInt(l.GetUnitPrice().GetMinorUnits()), big.NewInt(l.GetQuantity()))
		comes.Sub(comes, big.NewInt(l.GetDiscount().GetMinorUnits()))
		if x.Data.Items[0].Amount.String() == "" || x.Data.Items[0].Price.String() == "" {
			return
		}
		exact, ok := new(big.Rat).SetString(x.Data.Items[0].Price.String())
		require.True(t, ok)
		exact.Mul(exact, big.NewRat(l.GetQuantity(), 1))
		if n, ok := x.Data.Items[0].PricePer.Int(); ok {
			exact.Quo(exact, big.NewRat(n, 1))
		}
		exact.Mul(exact, big.NewRat(100, 1)).Sub(exact, new(big.Rat).SetInt(comes))
		require.Negative(t, exact.Abs(exact).Cmp(big.NewRat(1, 1)), "%v", l)
	})
}
