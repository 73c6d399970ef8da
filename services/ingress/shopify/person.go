package shopify

import (
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// person is everything personal of an order. The order's own e-mail comes before the customer's: it is where this
// order's mail shall go.
func (o *order) person() *typev1.Person {
	p := &typev1.Person{
		Email: first(o.Email, o.ContactEmail, o.Customer.Email), Phone: first(o.Phone, o.Customer.Phone),
		Name:     join(o.Customer.FirstName, o.Customer.LastName),
		Shipping: o.Shipping.read(), Billing: o.Billing.read(), Ip: clean(o.BrowserIP), CustomerId: clean(o.Customer.ID),
	}
	for _, a := range []*typev1.Address{p.Shipping, p.Billing} {
		if p.Name == "" {
			p.Name = a.GetName()
		}
		if p.Phone == "" {
			p.Phone = a.GetPhone()
		}
	}
	return source.Person(p)
}

func (a *address) read() *typev1.Address {
	if a == nil {
		return nil
	}
	named := clean(a.Name)
	if named == "" {
		named = join(a.FirstName, a.LastName)
	}
	return source.Address(&typev1.Address{
		Name: named, Company: clean(a.Company), Line1: clean(a.Line1), Line2: clean(a.Line2), City: clean(a.City),
		Region: first(a.ProvinceCode, a.Province), PostalCode: clean(a.Zip), Country: source.Country(a.CountryCode.String()), Phone: clean(a.Phone),
	})
}

func first(texts ...text) string {
	for _, t := range texts {
		if s := clean(t); s != "" {
			return s
		}
	}
	return ""
}

func join(given, family text) string { return strings.TrimSpace(clean(given) + " " + clean(family)) }
