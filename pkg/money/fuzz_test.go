package money_test

import (
	"math"
	"math/big"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/money"
)

// decimal is what ParseNumber may read; an exponent beyond two digits is none of money's.
var decimal = regexp.MustCompile(`^-?(\d+\.?\d*|\.\d+)([eE][-+]?0*\d{1,2})?$`)

// An amount is exactly what stands there, worked out with fractions of any size, or it is refused; and what Stripe
// counts comes back as what it was.
func FuzzAmounts(f *testing.F) {
	for _, text := range []string{
		"12.34", "-3.05", ".5", "5.", "1e2", "12.5E-1", "-0", "1e-40", "1e40", "1e41", "1e99", "1e999999999", "0e99", "0.0000000000000000000000000000000000000001e40", "-.e1", "1e-", "1e+", "--1", "1e--1", "1e-+1",
		"92233720368547758.07", "92233720368547758.08", "-92233720368547758.08", "9223372036854775807", "000000000000000000000000000000000000012", "٣", "1_000", "0x1", "Inf", "NaN", "",
	} {
		f.Add(text, "USD", int64(1234))
	}
	for _, currency := range []string{"JPY", "KWD", "CLF", "ISK", "UGX", "MGA", "XXX", "usd", "", "D A", "EUR"} {
		f.Add("1.000", currency, int64(-500))
	}
	f.Add("1", "MGA", int64(math.MinInt64))
	f.Add("1", "USD", int64(math.MinInt64))
	f.Add("1", "ISK", int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, text, currency string, minor int64) {
		exponent, unknown := money.Exponent(currency)
		got, err := money.ParseNumber(text, currency)
		if err == nil {
			require.NoError(t, unknown)
			require.True(t, decimal.MatchString(text), "%q is %v", text, got)
			exact, ok := new(big.Rat).SetString(text)
			require.True(t, ok, text)
			require.Zero(t, exact.Cmp(fraction(got.Minor, exponent)), "%q is %v", text, got)
		} else {
			require.Zero(t, got)
			if unknown == nil && decimal.MatchString(text) {
				refusedRightly(t, text, exponent)
			}
		}
		plain, err := money.Parse(text, currency)
		if err == nil {
			require.Equal(t, got, plain)
		}
		if unknown == nil {
			stripes(t, money.Amount{Minor: minor, Currency: currency})
		}
	})
}

func fraction(minor int64, exponent int) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(minor), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil))
}

// refusedRightly says that a decimal is too large or too fine, or has an exponent that no amount has.
func refusedRightly(t *testing.T, text string, exponent int) {
	t.Helper()
	exact, ok := new(big.Rat).SetString(text)
	require.True(t, ok, text)
	exact.Mul(exact, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)))
	tooFine, tooLarge := !exact.IsInt(), exact.Num().CmpAbs(big.NewInt(math.MaxInt64)) > 0
	far := regexp.MustCompile(`[eE][-+]?0*\d{2}$`).MatchString(text)
	require.True(t, tooFine || tooLarge || far, "%q is refused", text)
}

// stripes says that what Stripe counts is read into an amount that can be written and read again, or refused.
func stripes(t *testing.T, told money.Amount) {
	t.Helper()
	got, err := money.FromStripe(told.Minor, told.Currency)
	if err != nil {
		require.True(t, map[string]bool{"ISK": true, "UGX": true, "MGA": true}[told.Currency] || told.Minor == math.MinInt64, "%v is refused", told)
		return
	}
	again, err := money.Parse(got.Decimal(), got.Currency)
	require.NoError(t, err)
	require.Equal(t, got, again)
}
