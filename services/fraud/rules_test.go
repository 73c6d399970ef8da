package fraud

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
)

// Every rule by itself, in exact thousandths of its factor and of the whole score.
func TestRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signals *fraudv1.Signals
		factor  string
		millis  int32
		score   int32
	}{
		"nothing known":                     {&fraudv1.Signals{}, "velocity", 0, 0},
		"three orders an hour":              {&fraudv1.Signals{OrdersLastHour: 3}, "velocity", 0, 0},
		"four":                              {&fraudv1.Signals{OrdersLastHour: 4}, "velocity", 300, 255},
		"six":                               {&fraudv1.Signals{OrdersLastHour: 6}, "velocity", 600, 510},
		"ten":                               {&fraudv1.Signals{OrdersLastHour: 10}, "velocity", 600, 510},
		"eleven":                            {&fraudv1.Signals{OrdersLastHour: 11}, "velocity", 1000, 850},
		"twenty-one a day":                  {&fraudv1.Signals{OrdersLastDay: 21}, "velocity", 400, 340},
		"eleven an hour, many a day":        {&fraudv1.Signals{OrdersLastHour: 11, OrdersLastDay: 21}, "velocity", 1000, 850},
		"all at home":                       {&fraudv1.Signals{ShippingCountry: "DE", BillingCountry: "DE", PaymentCountry: "DE"}, "geography", 0, 0},
		"a gift sent abroad":                {&fraudv1.Signals{ShippingCountry: "FR", BillingCountry: "DE", PaymentCountry: "DE"}, "geography", 400, 240},
		"a foreign card":                    {&fraudv1.Signals{ShippingCountry: "DE", BillingCountry: "DE", PaymentCountry: "US"}, "geography", 900, 540},
		"three countries":                   {&fraudv1.Signals{ShippingCountry: "FR", BillingCountry: "DE", PaymentCountry: "US"}, "geography", 1000, 600},
		"billed elsewhere":                  {&fraudv1.Signals{ShippingCountry: "US", BillingCountry: "DE", PaymentCountry: "US"}, "geography", 800, 480},
		"a foreign card, billing unknown":   {&fraudv1.Signals{ShippingCountry: "DE", PaymentCountry: "US"}, "geography", 500, 300},
		"one country known":                 {&fraudv1.Signals{PaymentCountry: "US"}, "geography", 0, 0},
		"normal to the provider":            {&fraudv1.Signals{ProviderRisk: "normal"}, "payment", 0, 0},
		"elevated":                          {&fraudv1.Signals{ProviderRisk: "elevated"}, "payment", 500, 450},
		"highest":                           {&fraudv1.Signals{ProviderRisk: "highest"}, "payment", 1000, 900},
		"one failed attempt":                {&fraudv1.Signals{FailedAttempts: 1}, "payment", 0, 0},
		"two":                               {&fraudv1.Signals{FailedAttempts: 2}, "payment", 300, 270},
		"five":                              {&fraudv1.Signals{FailedAttempts: 5}, "payment", 600, 540},
		"a large total":                     {&fraudv1.Signals{LargeTotal: true}, "payment", 300, 270},
		"a disposable address":              {&fraudv1.Signals{DisposableEmail: true}, "behaviour", 600, 360},
		"no address":                        {&fraudv1.Signals{NoEmail: true}, "behaviour", 200, 120},
		"ten of a line":                     {&fraudv1.Signals{LargestQuantity: 10}, "behaviour", 0, 0},
		"eleven of a line":                  {&fraudv1.Signals{LargestQuantity: 11}, "behaviour", 200, 120},
		"fifty-one of a line":               {&fraudv1.Signals{LargestQuantity: 51}, "behaviour", 500, 300},
		"a new customer":                    {&fraudv1.Signals{NewCustomer: true}, "behaviour", 0, 0},
		"a new customer with a large total": {&fraudv1.Signals{NewCustomer: true, LargeTotal: true}, "behaviour", 300, 401}, // 1 − 0.73 × 0.82
		"two doubts add up":                 {&fraudv1.Signals{DisposableEmail: true, ProviderRisk: "elevated"}, "behaviour", 600, 648},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			score, factors := Score(c.signals)
			assert.Len(t, factors, 4)
			for _, f := range factors {
				assert.Equal(t, weights[f.GetName()], f.GetWeightMillis())
				assert.Equal(t, f.GetScoreMillis() == 0, len(f.GetReasons()) == 0, "what counts says why")
				if f.GetName() == c.factor {
					assert.Equal(t, c.millis, f.GetScoreMillis())
				}
			}
			assert.Equal(t, c.score, score)
		})
	}
}

// More of any signal never makes an order safer, and no score leaves 0..1.
func TestTheScoreIsMonotone(t *testing.T) {
	t.Parallel()
	country := rapid.SampledFrom([]string{"", "DE", "US", "FR"})
	rapid.Check(t, func(t *rapid.T) {
		s := &fraudv1.Signals{
			OrdersLastHour: rapid.Int64Range(0, 15).Draw(t, "hour"), OrdersLastDay: rapid.Int64Range(0, 30).Draw(t, "day"),
			ShippingCountry: country.Draw(t, "ship"), BillingCountry: country.Draw(t, "bill"), PaymentCountry: country.Draw(t, "pay"),
			FailedAttempts: rapid.Int64Range(0, 7).Draw(t, "failed"), ProviderRisk: rapid.SampledFrom([]string{"", "normal", "elevated"}).Draw(t, "risk"),
			NewCustomer: rapid.Bool().Draw(t, "new"), LargestQuantity: rapid.Int64Range(-1, 60).Draw(t, "pieces"),
		}
		worst, _ := Score(s)
		assert.GreaterOrEqual(t, worst, int32(0))
		for _, worsen := range []func(*fraudv1.Signals){
			func(s *fraudv1.Signals) { s.OrdersLastHour++ },
			func(s *fraudv1.Signals) { s.OrdersLastDay++ },
			func(s *fraudv1.Signals) { s.FailedAttempts++ },
			func(s *fraudv1.Signals) { s.LargestQuantity++ },
			func(s *fraudv1.Signals) { s.ProviderRisk = worse(s.GetProviderRisk(), "elevated") },
			func(s *fraudv1.Signals) { s.ProviderRisk = "highest" },
			func(s *fraudv1.Signals) { s.LargeTotal = true },
			func(s *fraudv1.Signals) { s.NewCustomer = true },
			func(s *fraudv1.Signals) { s.NoEmail = true },
			func(s *fraudv1.Signals) { s.NoEmail, s.DisposableEmail = false, true },
			func(s *fraudv1.Signals) { s.PaymentCountry = moreForeign(s.GetPaymentCountry(), s) },
		} {
			more := proto.CloneOf(s)
			worsen(more)
			score, _ := Score(more)
			least, _ := Score(s)
			assert.GreaterOrEqual(t, score, least)
			assert.LessOrEqual(t, score, int32(full))
		}
	})
}

// moreForeign is a card of a country that is neither shipped nor billed to.
func moreForeign(have string, s *fraudv1.Signals) string {
	if s.GetShippingCountry() == "" && s.GetBillingCountry() == "" {
		return have
	}
	return "BR"
}
