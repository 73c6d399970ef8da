package payload

import (
	"errors"
	"math/big"
	"strings"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// price is the price of one, and by how much the line comes to less than price × quantity: nothing, where the price is a
// plain one.
func (x *Reader) price(field string, i *Item, quantity int64, currency string) (unit, rounded money.Amount, ok bool) {
	none := money.Amount{Currency: currency}
	if i.PricePer.String() == "" && i.Amount.String() == "" && !finer(i.Price, currency) {
		plain, read := x.amount(field+".price", i.Price, currency)
		if !read {
			return none, none, false
		}
		return money.FromProto(plain), none, true
	}
	amount, ok := x.lineAmount(field, i, quantity, currency)
	if !ok {
		return none, none, false
	}
	if quantity <= 0 || amount.Minor < 0 {
		x.bad(field+".quantity", "and what the line comes to have to be above zero where its price is no plain one")
		return none, none, false
	}
	unit = money.Amount{Minor: amount.Minor / quantity, Currency: currency}
	if amount.Minor%quantity > 0 {
		unit.Minor++
	}
	whole, err := unit.Times(quantity)
	if err != nil {
		x.bad(field+".amount", source.Why(err))
		return none, none, false
	}
	return unit, money.Amount{Minor: whole.Minor - amount.Minor, Currency: currency}, true
}

// finer says that a price is a decimal which has more digits than its currency.
func finer(price source.Scalar, currency string) bool {
	_, read := contractPrice(price)
	_, err := source.Money(price, currency)
	return read && errors.Is(err, money.ErrTooFine)
}

// lineAmount is what a line comes to before its discount: as it is told, or price × quantity / price_per. Where both are
// there, they may differ by less than the smallest unit, for whoever rounded.
func (x *Reader) lineAmount(field string, i *Item, quantity int64, currency string) (money.Amount, bool) {
	none := money.Amount{Currency: currency}
	per := int64(1)
	if i.PricePer.String() != "" {
		n, whole := i.PricePer.Int()
		if !whole || n <= 0 {
			x.bad(field+".price_per", "is not a whole number of pieces")
			return none, false
		}
		per = n
	}
	told, ok := x.optional(field+".amount", i.Amount, currency)
	if !ok {
		return none, false
	}
	if i.Price.String() == "" && told != nil {
		return money.FromProto(told), true
	}
	if i.Price.String() == "" {
		x.missing(field + ".price")
		return none, false
	}
	price, read := contractPrice(i.Price)
	if !read {
		x.bad(field+".price", "is an amount that cannot be read: "+money.ErrNotDecimal.Error())
		return none, false
	}
	exact := minor(price, quantity, per, currency)
	if told == nil {
		if !exact.IsInt() || !exact.Num().IsInt64() {
			x.bad(field+".price", "× quantity / price_per is no whole amount of the currency: amount has to be told")
			return none, false
		}
		return money.Amount{Minor: exact.Num().Int64(), Currency: currency}, true
	}
	off := exact.Sub(exact, new(big.Rat).SetInt64(told.GetMinorUnits()))
	if off.Abs(off).Cmp(big.NewRat(1, 1)) >= 0 {
		x.bad(field+".amount", "is not price × quantity / price_per")
		return none, false
	}
	return money.FromProto(told), true
}

// mostDigits is longer than any price: more is nobody's, and costs time.
const mostDigits = 40

// contractPrice reads a decimal with any number of digits behind its point.
func contractPrice(s source.Scalar) (*big.Rat, bool) {
	text := s.String()
	digits := strings.TrimPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if len(text) > mostDigits || whole == "" || pointed && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// minor is price × quantity / per in minor units.
func minor(price *big.Rat, quantity, per int64, currency string) *big.Rat {
	exponent, err := money.Exponent(currency)
	if err != nil {
		exponent = 2 // as source.Money has it
	}
	out := new(big.Rat).Mul(price, big.NewRat(quantity, per))
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
	return out.Mul(out, new(big.Rat).SetInt(unit))
}
