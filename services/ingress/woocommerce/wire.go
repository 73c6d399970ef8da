package woocommerce

import (
	"encoding/json"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// text is a field as the text that stands there: money is a decimal string, a line's price a number.
type text = source.Scalar

type order struct {
	ID           text    `json:"id"`
	Number       text    `json:"number"`
	Status       text    `json:"status"`
	Currency     text    `json:"currency"`
	CreatedGMT   text    `json:"date_created_gmt"`
	ModifiedGMT  text    `json:"date_modified_gmt"`
	PaidGMT      text    `json:"date_paid_gmt"`
	Discount     text    `json:"discount_total"`
	DiscountTax  text    `json:"discount_tax"`
	Shipping     text    `json:"shipping_total"`
	ShippingTax  text    `json:"shipping_tax"`
	Total        text    `json:"total"`
	Tax          text    `json:"total_tax"`
	IncludesTax  text    `json:"prices_include_tax"`
	CustomerID   text    `json:"customer_id"`
	CustomerIP   text    `json:"customer_ip_address"`
	Method       text    `json:"payment_method"`
	Transaction  text    `json:"transaction_id"`
	Billing      address `json:"billing"`
	ShippingTo   address `json:"shipping"`
	Lines        []line  `json:"line_items"`
	Fees         []line  `json:"fee_lines"`
	ShippingWays []struct {
		ID text `json:"id"`
	} `json:"shipping_lines"`
	Refunds []refund `json:"refunds"`
	Meta    []meta   `json:"meta_data"`
}

// line is a line item or a fee; a fee has no quantity, no SKU and no subtotal.
type line struct {
	ID          text `json:"id"`
	Name        text `json:"name"`
	SKU         text `json:"sku"`
	Quantity    text `json:"quantity"`
	Price       text `json:"price"`
	Subtotal    text `json:"subtotal"`
	SubtotalTax text `json:"subtotal_tax"`
	Total       text `json:"total"`
	TotalTax    text `json:"total_tax"`
}

type product struct {
	SKU         text `json:"sku"`
	ManageStock text `json:"manage_stock"`
	Stock       text `json:"stock_quantity"`
	CreatedGMT  text `json:"date_created_gmt"`
	ModifiedGMT text `json:"date_modified_gmt"`
}

type refund struct {
	ID     text `json:"id"`
	Reason text `json:"reason"`
	Total  text `json:"total"`
}

// meta is one entry of what plugins keep with an order. Its value may be anything; only texts are of use here.
type meta struct {
	Key   text `json:"key"`
	Value text `json:"value"`
}

type address struct {
	FirstName text `json:"first_name"`
	LastName  text `json:"last_name"`
	Company   text `json:"company"`
	Line1     text `json:"address_1"`
	Line2     text `json:"address_2"`
	City      text `json:"city"`
	State     text `json:"state"`
	Postcode  text `json:"postcode"`
	Country   text `json:"country"`
	Email     text `json:"email"`
	Phone     text `json:"phone"`
}

// UnmarshalJSON takes PHP's empty array for the empty object that it means.
func (a *address) UnmarshalJSON(data []byte) error {
	type plain address
	if len(data) == 0 || data[0] != '{' {
		*a = address{}
		return nil
	}
	return json.Unmarshal(data, (*plain)(a))
}
