// Package money is exact: integer minor units and an ISO 4217 code. There are no floats, decimals are read digit by
// digit, and sums never cross currencies.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// What can be wrong with an amount.
var (
	ErrUnknownCurrency = errors.New("not a currency of ISO 4217")
	ErrNotDecimal      = errors.New("not a decimal number")
	ErrTooFine         = errors.New("finer than the currency's smallest unit")
	ErrOverflow        = errors.New("amount does not fit 64 bits")
	ErrOtherCurrency   = errors.New("amounts of different currencies")
)

// Amount is a count of a currency's smallest unit.
type Amount struct {
	Minor    int64
	Currency string
}

// FromProto is the amount of a message; nil is nothing of no currency.
func FromProto(m *typev1.Money) Amount { return Amount{m.GetMinorUnits(), m.GetCurrency()} }

// Proto is the amount as it stands in messages.
func (a Amount) Proto() *typev1.Money {
	return &typev1.Money{MinorUnits: a.Minor, Currency: a.Currency}
}

// Parse reads a decimal like "12.34" in major units of a currency. Digits beyond the smallest unit may only be zeros.
func Parse(decimal, currency string) (Amount, error) {
	exponent, err := Exponent(currency)
	if err != nil {
		return Amount{}, err
	}
	minor, err := scaled(decimal, exponent)
	if err != nil {
		return Amount{}, fmt.Errorf("%q %s: %w", decimal, currency, err)
	}
	return Amount{minor, currency}, nil
}

// ParseNumber reads a JSON number, which may be written with an exponent: 1e2, 12.5E-1.
func ParseNumber(number, currency string) (Amount, error) {
	mantissa, power, found := cutExponent(number)
	if !found {
		return Parse(number, currency)
	}
	plain, err := shift(mantissa, power)
	if err != nil {
		return Amount{}, fmt.Errorf("%q %s: %w", number, currency, err)
	}
	return Parse(plain, currency)
}

func cutExponent(number string) (mantissa, power string, found bool) {
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return number, "", false
	}
	return number[:i], number[i+1:], true
}

// longest is more digits than any amount has; it keeps 1e999999999 from becoming a gigabyte of zeros.
const longest = 40

func shift(mantissa, power string) (string, error) {
	by, negative := 0, strings.HasPrefix(power, "-")
	if negative || strings.HasPrefix(power, "+") {
		power = power[1:]
	}
	digits := strings.TrimLeft(power, "0")
	if len(digits) > 2 {
		return "", ErrOverflow
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return "", ErrNotDecimal
		}
		by = by*10 + int(d-'0')
	}
	if digits := strings.Trim(mantissa, "-."); digits == "" || power == "" || by > longest {
		return "", ErrNotDecimal
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if negative {
		whole = strings.Repeat("0", by) + whole
		return sign + whole[:len(whole)-by] + "." + whole[len(whole)-by:] + fraction, nil
	}
	fraction += strings.Repeat("0", by)
	return sign + whole + fraction[:by] + "." + fraction[by:] + "0", nil
}

// scaled reads a decimal as an integer of 10^-exponent.
func scaled(decimal string, exponent int) (int64, error) {
	rest, negative := strings.CutPrefix(decimal, "-")
	whole, fraction, _ := strings.Cut(rest, ".")
	if whole == "" && fraction == "" {
		return 0, ErrNotDecimal
	}
	for _, c := range whole + fraction {
		if c < '0' || c > '9' {
			return 0, ErrNotDecimal
		}
	}
	if len(fraction) > exponent {
		if strings.Trim(fraction[exponent:], "0") != "" {
			return 0, ErrTooFine
		}
		fraction = fraction[:exponent]
	}
	fraction += strings.Repeat("0", exponent-len(fraction))
	var value uint64
	for _, c := range whole + fraction {
		hi, lo := bits.Mul64(value, 10)
		next := lo + uint64(c-'0') //nolint:gosec // a digit, checked above
		if hi != 0 || next < lo || next > math.MaxInt64 {
			return 0, ErrOverflow
		}
		value = next
	}
	if negative {
		return -int64(value), nil
	}
	return int64(value), nil
}

// Add sums two amounts of one currency.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("%s + %s: %w", a.Currency, b.Currency, ErrOtherCurrency)
	}
	sum := a.Minor + b.Minor
	if (sum > a.Minor) != (b.Minor > 0) && b.Minor != 0 {
		return Amount{}, ErrOverflow
	}
	return Amount{sum, a.Currency}, nil
}

// Times is so many of an amount.
func (a Amount) Times(n int64) (Amount, error) {
	if a.Minor == 0 || n == 0 {
		return Amount{0, a.Currency}, nil
	}
	product := a.Minor * n
	if product/n != a.Minor || a.Minor == -1 && n == math.MinInt64 || n == -1 && a.Minor == math.MinInt64 {
		return Amount{}, ErrOverflow
	}
	return Amount{product, a.Currency}, nil
}

// Split divides an amount by weights so that the parts sum to it exactly: what the division leaves goes to the largest
// remainders, the earlier part first. Weights are not negative and not all zero.
func (a Amount) Split(weights ...int64) ([]Amount, error) {
	var total uint64
	for _, w := range weights {
		if w < 0 || total+uint64(w) > math.MaxInt64 {
			return nil, fmt.Errorf("split by weight %d: %w", w, ErrOverflow)
		}
		total += uint64(w)
	}
	if total == 0 || a.Minor == math.MinInt64 {
		return nil, fmt.Errorf("split by nothing: %w", ErrOverflow)
	}
	sign, amount := int64(1), a.Minor
	if amount < 0 {
		sign, amount = -1, -amount
	}
	parts, remainders, left := make([]Amount, len(weights)), make([]uint64, len(weights)), amount
	for i, w := range weights {
		hi, lo := bits.Mul64(uint64(amount), uint64(w)) //nolint:gosec // neither is negative
		share, rest := bits.Div64(hi, lo, total)
		parts[i], remainders[i] = Amount{int64(share), a.Currency}, rest //nolint:gosec // at most amount
		left -= int64(share)                                             //nolint:gosec // at most amount
	}
	for ; left > 0; left-- {
		best := 0
		for i := range remainders {
			if remainders[i] > remainders[best] {
				best = i
			}
		}
		parts[best].Minor++
		remainders[best] = 0
	}
	for i := range parts {
		parts[i].Minor *= sign
	}
	return parts, nil
}

// Decimal is the amount in major units: 12.34, 1234 for yen. A currency without an entry is shown in minor units.
func (a Amount) Decimal() string {
	exponent, err := Exponent(a.Currency)
	if err != nil || exponent == 0 {
		return fmt.Sprintf("%d", a.Minor)
	}
	digits, sign := fmt.Sprintf("%0*d", exponent+1, a.Minor), ""
	if a.Minor < 0 {
		sign, digits = "-", fmt.Sprintf("%0*d", exponent+1, magnitude(a.Minor))
	}
	return sign + digits[:len(digits)-exponent] + "." + digits[len(digits)-exponent:]
}

func magnitude(n int64) uint64 { return uint64(-(n + 1)) + 1 } //nolint:gosec // right for MinInt64 too

// String is the amount for people: USD 12.34.
func (a Amount) String() string { return strings.TrimSpace(a.Currency + " " + a.Decimal()) }
