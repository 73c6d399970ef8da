package payload

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Data is what package doc describes.
type Data struct {
	OrderNumber source.Scalar `json:"order_number"`
	Currency    source.Scalar `json:"currency"`
	Historic    source.Scalar `json:"historic"`
	Test        source.Scalar `json:"test"`

	Items       []Item        `json:"items"`
	Subtotal    source.Scalar `json:"subtotal"`
	Discount    source.Scalar `json:"discount"`
	Shipping    source.Scalar `json:"shipping"`
	Tax         source.Scalar `json:"tax"`
	TaxIncluded source.Scalar `json:"tax_included"`
	Total       source.Scalar `json:"total"`
	Customer    Customer      `json:"customer"`
	ShipTo      *Address      `json:"shipping_address"`
	BillTo      *Address      `json:"billing_address"`
	PlacedAt    source.Scalar `json:"placed_at"`
	UpdatedAt   source.Scalar `json:"updated_at"`
	Paid        source.Scalar `json:"paid"`
	Payments    []Payment     `json:"payments"`
	Refunds     []Refund      `json:"refunds"`

	Amount      source.Scalar `json:"amount"`
	Reason      source.Scalar `json:"reason"`
	MovementID  source.Scalar `json:"movement_id"`
	FailureCode source.Scalar `json:"failure_code"`
	RiskLevel   source.Scalar `json:"risk_level"`
	Country     source.Scalar `json:"country"`
	Payment     Payment       `json:"payment"`
	Refund      Refund        `json:"refund"`
	Dispute     struct {
		ID     source.Scalar `json:"id"`
		Reason source.Scalar `json:"reason"`
	} `json:"dispute"`

	Shipment Shipment `json:"shipment"`
	Product  struct {
		ID    source.Scalar `json:"id"`
		SKU   source.Scalar `json:"sku"`
		Title source.Scalar `json:"title"`
	} `json:"product"`
	SKU       source.Scalar `json:"sku"`
	ProductID source.Scalar `json:"product_id"`
	Location  source.Scalar `json:"location"`
	OnHand    source.Scalar `json:"on_hand"`
}

// Item is one line of an order.
type Item struct {
	ID          source.Scalar `json:"id"`
	SKU         source.Scalar `json:"sku"`
	Title       source.Scalar `json:"title"`
	Quantity    source.Scalar `json:"quantity"`
	Price       source.Scalar `json:"price"`
	PricePer    source.Scalar `json:"price_per"`
	Amount      source.Scalar `json:"amount"`
	Currency    source.Scalar `json:"currency"`
	Tax         source.Scalar `json:"tax"`
	Discount    source.Scalar `json:"discount"`
	FulfilledBy source.Scalar `json:"fulfilled_by"`
}

// Payment is one payment: its name alone, or one of a list.
type Payment struct {
	Provider    source.Scalar `json:"provider"`
	ID          source.Scalar `json:"id"`
	Amount      source.Scalar `json:"amount"`
	Status      source.Scalar `json:"status"`
	MovementID  source.Scalar `json:"movement_id"`
	FailureCode source.Scalar `json:"failure_code"`
	RiskLevel   source.Scalar `json:"risk_level"`
	Country     source.Scalar `json:"country"`
	At          source.Scalar `json:"at"`
}

// Refund is one refund; provider, payment and amount stand in it where it is one of a list.
type Refund struct {
	ID        source.Scalar `json:"id"`
	Status    source.Scalar `json:"status"`
	Reason    source.Scalar `json:"reason"`
	Amount    source.Scalar `json:"amount"`
	Provider  source.Scalar `json:"provider"`
	PaymentID source.Scalar `json:"payment_id"`
	At        source.Scalar `json:"at"`
}

// Shipment is what somebody else hands over.
type Shipment struct {
	ID              source.Scalar   `json:"id"`
	Carrier         source.Scalar   `json:"carrier"`
	TrackingNumber  source.Scalar   `json:"tracking_number"`
	TrackingNumbers []source.Scalar `json:"tracking_numbers"`
	Items           []struct {
		LineID   source.Scalar `json:"line_id"`
		SKU      source.Scalar `json:"sku"`
		Quantity source.Scalar `json:"quantity"`
	} `json:"items"`
}

// Customer is who ordered.
type Customer struct {
	ID    source.Scalar `json:"id"`
	Email source.Scalar `json:"email"`
	Name  source.Scalar `json:"name"`
	Phone source.Scalar `json:"phone"`
	IP    source.Scalar `json:"ip"`
}

// Address is where something is sent or billed.
type Address struct {
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

func (a *Address) proto() *typev1.Address {
	if a == nil {
		return nil
	}
	return source.Address(&typev1.Address{
		Name: a.Name.String(), Company: a.Company.String(), Line1: a.Line1.String(), Line2: a.Line2.String(), City: a.City.String(),
		Region: a.Region.String(), PostalCode: a.PostalCode.String(), Country: source.Country(a.Country.String()), Phone: a.Phone.String(),
	})
}

func (d *Data) person() *typev1.Person {
	return source.Person(&typev1.Person{
		Email: d.Customer.Email.String(), Phone: d.Customer.Phone.String(), Name: d.Customer.Name.String(), Ip: d.Customer.IP.String(),
		CustomerId: d.Customer.ID.String(), Shipping: d.ShipTo.proto(), Billing: d.BillTo.proto(),
	})
}
