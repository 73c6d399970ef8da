package woocommerce

import (
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// person is everything personal of an order. WooCommerce fills the shipping address of an order that needs none with
// nothing; then there is none.
func (o *order) person() *typev1.Person {
	p := &typev1.Person{
		Email: clean(o.Billing.Email), Phone: clean(o.Billing.Phone), Name: o.Billing.name(), Shipping: o.ShippingTo.read(),
		Billing: o.Billing.read(), Ip: clean(o.CustomerIP),
	}
	if id := clean(o.CustomerID); id != "0" { // 0 is a guest
		p.CustomerId = id
	}
	if p.Name == "" {
		p.Name = o.ShippingTo.name()
	}
	if p.Phone == "" {
		p.Phone = clean(o.ShippingTo.Phone)
	}
	return source.Person(p)
}

func (a *address) name() string {
	return strings.TrimSpace(plain(a.FirstName) + " " + plain(a.LastName))
}

func (a *address) read() *typev1.Address {
	return source.Address(&typev1.Address{
		Name: a.name(), Company: plain(a.Company), Line1: plain(a.Line1), Line2: plain(a.Line2), City: plain(a.City),
		Region: plain(a.State), PostalCode: clean(a.Postcode), Country: source.Country(a.Country.String()), Phone: clean(a.Phone),
	})
}
