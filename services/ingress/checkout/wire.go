package checkout

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// event is the payload that package doc describes.
type event struct {
	Type      source.Scalar `json:"type"`
	Timestamp source.Scalar `json:"timestamp"`
	Data      *data         `json:"data"`
}

type data struct {
	OrderNumber source.Scalar `json:"order_number"`
	Currency    source.Scalar `json:"currency"`
	Historic    source.Scalar `json:"historic"`
	Test        source.Scalar `json:"test"`

	Items       []item        `json:"items"`
	Subtotal    source.Scalar `json:"subtotal"`
	Discount    source.Scalar `json:"discount"`
	Shipping    source.Scalar `json:"shipping"`
	Tax         source.Scalar `json:"tax"`
	TaxIncluded source.Scalar `json:"tax_included"`
	Total       source.Scalar `json:"total"`
	Customer    customer      `json:"customer"`
	ShipTo      *address      `json:"shipping_address"`
	BillTo      *address      `json:"billing_address"`
	PlacedAt    source.Scalar `json:"placed_at"`
	UpdatedAt   source.Scalar `json:"updated_at"`

	Amount      source.Scalar `json:"amount"`
	Reason      source.Scalar `json:"reason"`
	MovementID  source.Scalar `json:"movement_id"`
	FailureCode source.Scalar `json:"failure_code"`
	RiskLevel   source.Scalar `json:"risk_level"`
	Country     source.Scalar `json:"country"`
	Payment     struct {
		Provider source.Scalar `json:"provider"`
		ID       source.Scalar `json:"id"`
	} `json:"payment"`
	Refund struct {
		ID     source.Scalar `json:"id"`
		Status source.Scalar `json:"status"`
		Reason source.Scalar `json:"reason"`
	} `json:"refund"`
	Dispute struct {
		ID     source.Scalar `json:"id"`
		Reason source.Scalar `json:"reason"`
	} `json:"dispute"`

	SKU      source.Scalar `json:"sku"`
	Location source.Scalar `json:"location"`
	OnHand   source.Scalar `json:"on_hand"`
}

type item struct {
	ID          source.Scalar `json:"id"`
	SKU         source.Scalar `json:"sku"`
	Title       source.Scalar `json:"title"`
	Quantity    source.Scalar `json:"quantity"`
	Price       source.Scalar `json:"price"`
	Tax         source.Scalar `json:"tax"`
	Discount    source.Scalar `json:"discount"`
	FulfilledBy source.Scalar `json:"fulfilled_by"`
}

type customer struct {
	ID    source.Scalar `json:"id"`
	Email source.Scalar `json:"email"`
	Name  source.Scalar `json:"name"`
	Phone source.Scalar `json:"phone"`
	IP    source.Scalar `json:"ip"`
}

type address struct {
	Name       source.Scalar `json:"name"`
	Company    source.Scalar `json:"company"`
	Line1      source.Scalar `json:"line1"`
	Line2      source.Scalar `json:"line2"`
	City       source.Scalar `json:"city"`
	Region     source.Scalar `json:"region"`
	PostalCode source.Scalar `json:"postal_code"`
	Country    source.Scalar `json:"country"`
	Phone      source.Scalar `json:"phone"`
}

func (a *address) proto() *typev1.Address {
	if a == nil {
		return nil
	}
	return source.Address(&typev1.Address{
		Name: a.Name.String(), Company: a.Company.String(), Line1: a.Line1.String(), Line2: a.Line2.String(), City: a.City.String(),
		Region: a.Region.String(), PostalCode: a.PostalCode.String(), Country: source.Country(a.Country.String()), Phone: a.Phone.String(),
	})
}

func (d *data) person() *typev1.Person {
	return source.Person(&typev1.Person{
		Email: d.Customer.Email.String(), Phone: d.Customer.Phone.String(), Name: d.Customer.Name.String(), Ip: d.Customer.IP.String(),
		CustomerId: d.Customer.ID.String(), Shipping: d.ShipTo.proto(), Billing: d.BillTo.proto(),
	})
}
