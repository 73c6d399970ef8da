package shopify

import (
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// purse reads an order's amounts in one currency. Shopify tells all of them twice: in the shop's currency and in the
// one that the customer saw and pays in (presentment). Where the two differ the customer's is taken: transactions,
// refunds and the payment provider's own reports are in it, and an order in another currency could never be covered.
type purse struct {
	currency    string
	presentment bool
	trouble     *source.Trouble
}

// purse says in which currency the order is read.
func (r *reader) purse(o *order) purse {
	p := purse{currency: source.Currency(o.Currency.String()), trouble: &r.trouble}
	switch told := o.Currency.String(); {
	case told == "":
		r.trouble.Missing("currency")
	case p.currency == "":
		r.trouble.Bad("currency", "is no code of three letters")
	}
	theirs := source.Currency(o.PresentmentCurrency.String())
	if theirs == "" || theirs == p.currency {
		return p
	}
	for _, set := range []*priceSet{o.CurrentTotalPriceSet, o.TotalPriceSet} {
		if set != nil && set.Presentment.Amount.String() != "" {
			return purse{currency: theirs, presentment: true, trouble: &r.trouble}
		}
	}
	return p
}

// read reads an amount, and says whether it was told.
func (p purse) read(field string, plain text, set *priceSet) (int64, bool) {
	told := plain
	switch {
	case p.presentment:
		told = ""
		if set != nil {
			told, field = set.Presentment.Amount, field+"_set"
		}
		if told.String() == "" && zero(plain) {
			told = plain // nothing is nothing in every currency
		}
	case plain.String() == "" && set != nil:
		told = set.Shop.Amount
	}
	if told.String() == "" {
		return 0, false
	}
	return p.parse(field, told), true
}

// need reads an amount that an order cannot do without.
func (p purse) need(field string, plain text, set *priceSet) int64 {
	minor, told := p.read(field, plain, set)
	if !told {
		p.trouble.Missing(field)
	}
	return minor
}

func (p purse) parse(field string, told text) int64 {
	m, err := source.Money(told, p.currency)
	if err != nil {
		p.trouble.Bad(field, source.Why(err))
	}
	return m.GetMinorUnits()
}

func (p purse) money(minor int64) *typev1.Money {
	return &typev1.Money{MinorUnits: minor, Currency: p.currency}
}

func zero(t text) bool {
	s := t.String()
	return s != "" && strings.Trim(s, "0.") == "" && strings.Contains(s, "0")
}
