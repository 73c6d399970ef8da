package money_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/money"
)

func TestDecimalsAreReadDigitByDigit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, currency string
		want           int64
		err            error
	}{
		{"12.34", "USD", 1234, nil},
		{"12.3", "USD", 1230, nil},
		{"12", "USD", 1200, nil},
		{"0.1", "USD", 10, nil},
		{".5", "USD", 50, nil},
		{"12.3400", "USD", 1234, nil},
		{"-3.05", "EUR", -305, nil},
		{"1000", "JPY", 1000, nil},
		{"1000.00", "JPY", 1000, nil},
		{"1.234", "KWD", 1234, nil},
		{"92233720368547758.07", "USD", math.MaxInt64, nil},
		{"92233720368547758.08", "USD", 0, money.ErrOverflow},
		{"12.345", "USD", 0, money.ErrTooFine},
		{"1.5", "JPY", 0, money.ErrTooFine},
		{"", "USD", 0, money.ErrNotDecimal},
		{".", "USD", 0, money.ErrNotDecimal},
		{"-", "USD", 0, money.ErrNotDecimal},
		{"+1", "USD", 0, money.ErrNotDecimal},
		{"1,000", "USD", 0, money.ErrNotDecimal},
		{"1e2", "USD", 0, money.ErrNotDecimal},
		{" 1", "USD", 0, money.ErrNotDecimal},
		{"٣", "USD", 0, money.ErrNotDecimal},
		{"1", "usd", 0, money.ErrUnknownCurrency},
		{"1", "XXX", 0, money.ErrUnknownCurrency},
	} {
		got, err := money.Parse(c.text, c.currency)
		if c.err != nil {
			require.ErrorIs(t, err, c.err, "%q %s", c.text, c.currency)
			continue
		}
		require.NoError(t, err, "%q %s", c.text, c.currency)
		assert.Equal(t, c.want, got.Minor, "%q %s", c.text, c.currency)
	}
}

func TestJSONNumbersMayHaveExponents(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1e2": 10000, "12.5E-1": 125, "1E+1": 1000, "-2e0": -200, "100e-2": 100, "89.99": 8999, "5e-2": 5} {
		got, err := money.ParseNumber(text, "USD")
		require.NoError(t, err, text)
		assert.Equal(t, want, got.Minor, text)
	}
	for _, text := range []string{"1e", "e1", "1e999999999", "1e99", "1ee2", "1e-3"} {
		_, err := money.ParseNumber(text, "USD")
		assert.Error(t, err, text)
	}
}

func TestWrittenAndReadAgainItIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := money.Amount{
			Minor:    rapid.Int64Range(math.MinInt64+1, math.MaxInt64).Draw(t, "minor"),
			Currency: rapid.SampledFrom([]string{"USD", "JPY", "KWD", "CLF"}).Draw(t, "currency"),
		}
		again, err := money.Parse(a.Decimal(), a.Currency)
		require.NoError(t, err)
		assert.Equal(t, a, again)
	})
}

func TestPartsSumToTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := money.Amount{Minor: rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "minor"), Currency: "USD"}
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1000), 1, 8).Draw(t, "weights")
		weights[0]++
		parts, err := a.Split(weights...)
		require.NoError(t, err)
		sum := money.Amount{Currency: "USD"}
		for _, p := range parts {
			sum, err = sum.Add(p)
			require.NoError(t, err)
		}
		assert.Equal(t, a, sum)
	})
}

func TestSumsRefuseWhatTheyCannotHold(t *testing.T) {
	t.Parallel()
	most := money.Amount{Minor: math.MaxInt64, Currency: "USD"}
	_, err := most.Add(money.Amount{Minor: 1, Currency: "USD"})
	require.ErrorIs(t, err, money.ErrOverflow)
	_, err = most.Add(money.Amount{Minor: 1, Currency: "EUR"})
	require.ErrorIs(t, err, money.ErrOtherCurrency)
	_, err = most.Times(2)
	require.ErrorIs(t, err, money.ErrOverflow)
}

func TestStripeCountsSomeCurrenciesOtherwise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount   int64
		currency string
		want     int64
	}{{2000, "USD", 2000}, {500, "JPY", 500}, {500, "ISK", 5}, {500, "UGX", 5}, {12, "MGA", 1200}, {1230, "KWD", 1230}} {
		got, err := money.FromStripe(c.amount, c.currency)
		require.NoError(t, err)
		assert.Equal(t, c.want, got.Minor, c.currency)
	}
	_, err := money.FromStripe(505, "ISK")
	require.ErrorIs(t, err, money.ErrTooFine)
}

func TestAdyenCountsSomeCurrenciesOtherwise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount   int64
		currency string
		want     int64
	}{{2000, "USD", 2000}, {500, "JPY", 500}, {500, "ISK", 5}, {500, "CLP", 5}, {12, "CVE", 1200}, {12, "IDR", 1200}, {1230, "KWD", 1230}, {500, "UGX", 500}, {500, "MGA", 500}} {
		got, err := money.FromAdyen(c.amount, c.currency)
		require.NoError(t, err)
		assert.Equal(t, c.want, got.Minor, c.currency)
	}
	_, err := money.FromAdyen(505, "CLP")
	require.ErrorIs(t, err, money.ErrTooFine)
	_, err = money.FromAdyen(math.MaxInt64, "IDR")
	require.ErrorIs(t, err, money.ErrOverflow)
	got, err := money.FromAdyen(7, "XYZ")
	require.ErrorIs(t, err, money.ErrUnknownCurrency)
	assert.Equal(t, int64(7), got.Minor)
}
