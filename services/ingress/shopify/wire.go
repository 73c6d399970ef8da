package shopify

import (
	"encoding/json"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// text is a field as the text that stands there: ids go beyond 2^53, and money is a decimal string.
type text = source.Scalar

// amount is one side of a price set. Orders call its currency currency_code, transactions currency.
type amount struct {
	Amount   text `json:"amount"`
	Code     text `json:"currency_code"`
	Currency text `json:"currency"`
}

// priceSet is an amount in the shop's currency and in the customer's.
type priceSet struct {
	Shop        amount `json:"shop_money"`
	Presentment amount `json:"presentment_money"`
}

type order struct {
	ID                  text `json:"id"`
	OrderNumber         text `json:"order_number"`
	Name                text `json:"name"`
	Currency            text `json:"currency"`
	PresentmentCurrency text `json:"presentment_currency"`
	CreatedAt           text `json:"created_at"`
	ProcessedAt         text `json:"processed_at"`
	UpdatedAt           text `json:"updated_at"`
	CancelledAt         text `json:"cancelled_at"`
	CancelReason        text `json:"cancel_reason"`
	FinancialStatus     text `json:"financial_status"`
	Test                text `json:"test"`
	TaxesIncluded       text `json:"taxes_included"`
	DutiesIncluded      text `json:"duties_included"`

	TotalPrice           text      `json:"total_price"`
	TotalPriceSet        *priceSet `json:"total_price_set"`
	CurrentTotalPrice    text      `json:"current_total_price"`
	CurrentTotalPriceSet *priceSet `json:"current_total_price_set"`
	Subtotal             text      `json:"subtotal_price"`
	SubtotalSet          *priceSet `json:"subtotal_price_set"`
	CurrentSubtotal      text      `json:"current_subtotal_price"`
	CurrentSubtotalSet   *priceSet `json:"current_subtotal_price_set"`
	Discounts            text      `json:"total_discounts"`
	DiscountsSet         *priceSet `json:"total_discounts_set"`
	CurrentDiscounts     text      `json:"current_total_discounts"`
	CurrentDiscountsSet  *priceSet `json:"current_total_discounts_set"`
	Tax                  text      `json:"total_tax"`
	TaxSet               *priceSet `json:"total_tax_set"`
	CurrentTax           text      `json:"current_total_tax"`
	CurrentTaxSet        *priceSet `json:"current_total_tax_set"`
	ShippingSet          *priceSet `json:"total_shipping_price_set"`
	CurrentShippingSet   *priceSet `json:"current_shipping_price_set"`
	DutiesSet            *priceSet `json:"original_total_duties_set"`
	CurrentDutiesSet     *priceSet `json:"current_total_duties_set"`
	FeesSet              *priceSet `json:"original_total_additional_fees_set"`
	CurrentFeesSet       *priceSet `json:"current_total_additional_fees_set"`
	Tip                  text      `json:"total_tip_received"`
	Outstanding          text      `json:"total_outstanding"`
	Gateways             []text    `json:"payment_gateway_names"`

	Email        text     `json:"email"`
	ContactEmail text     `json:"contact_email"`
	Phone        text     `json:"phone"`
	BrowserIP    text     `json:"browser_ip"`
	Customer     customer `json:"customer"`
	Shipping     *address `json:"shipping_address"`
	Billing      *address `json:"billing_address"`

	Lines         []line         `json:"line_items"`
	ShippingLines []shippingLine `json:"shipping_lines"`
	Refunds       []refund       `json:"refunds"`
	Fulfillments  []fulfillment  `json:"fulfillments"`
}

type line struct {
	ID                 text         `json:"id"`
	SKU                text         `json:"sku"`
	Title              text         `json:"title"`
	Name               text         `json:"name"`
	Quantity           text         `json:"quantity"`
	CurrentQuantity    text         `json:"current_quantity"`
	Price              text         `json:"price"`
	PriceSet           *priceSet    `json:"price_set"`
	TotalDiscount      text         `json:"total_discount"`
	TotalDiscountSet   *priceSet    `json:"total_discount_set"`
	Allocations        []allocation `json:"discount_allocations"`
	Taxes              []taxLine    `json:"tax_lines"`
	GiftCard           text         `json:"gift_card"`
	RequiresShipping   text         `json:"requires_shipping"`
	FulfillmentService text         `json:"fulfillment_service"`
	FulfillmentStatus  text         `json:"fulfillment_status"`
	TipGateway         text         `json:"tip_payment_gateway"`
	TipMethod          text         `json:"tip_payment_method"`
}

type allocation struct {
	Amount text      `json:"amount"`
	Set    *priceSet `json:"amount_set"`
}

type taxLine struct {
	Price text      `json:"price"`
	Set   *priceSet `json:"price_set"`
}

type shippingLine struct {
	Price         text      `json:"price"`
	PriceSet      *priceSet `json:"price_set"`
	Discounted    text      `json:"discounted_price"`
	DiscountedSet *priceSet `json:"discounted_price_set"`
	Removed       text      `json:"is_removed"`
}

type fulfillment struct {
	ID        text   `json:"id"`
	OrderID   text   `json:"order_id"`
	Status    text   `json:"status"`
	Shipment  text   `json:"shipment_status"`
	CreatedAt text   `json:"created_at"`
	UpdatedAt text   `json:"updated_at"`
	Company   text   `json:"tracking_company"`
	Number    text   `json:"tracking_number"`
	Numbers   []text `json:"tracking_numbers"`
	Lines     []line `json:"line_items"`
}

type level struct {
	ItemID     text `json:"inventory_item_id"`
	LocationID text `json:"location_id"`
	Available  text `json:"available"`
	UpdatedAt  text `json:"updated_at"`
}

type product struct {
	Title     text      `json:"title"`
	CreatedAt text      `json:"created_at"`
	UpdatedAt text      `json:"updated_at"`
	Variants  []variant `json:"variants"`
}

type variant struct {
	SKU    text `json:"sku"`
	Title  text `json:"title"`
	ItemID text `json:"inventory_item_id"`
}

type item struct {
	ID        text `json:"id"`
	SKU       text `json:"sku"`
	CreatedAt text `json:"created_at"`
	UpdatedAt text `json:"updated_at"`
}

type refund struct {
	ID           text          `json:"id"`
	OrderID      text          `json:"order_id"`
	CreatedAt    text          `json:"created_at"`
	ProcessedAt  text          `json:"processed_at"`
	Note         text          `json:"note"`
	Lines        []refundLine  `json:"refund_line_items"`
	Transactions []transaction `json:"transactions"`
	Adjustments  []adjustment  `json:"order_adjustments"`
	DutiesSet    *priceSet     `json:"total_duties_set"`
}

type refundLine struct {
	LineID      text      `json:"line_item_id"`
	Quantity    text      `json:"quantity"`
	SubtotalSet *priceSet `json:"subtotal_set"`
}

type adjustment struct {
	Kind      text      `json:"kind"`
	Amount    text      `json:"amount"`
	AmountSet *priceSet `json:"amount_set"`
	Tax       text      `json:"tax_amount"`
	TaxSet    *priceSet `json:"tax_amount_set"`
}

type transaction struct {
	ID            text      `json:"id"`
	OrderID       text      `json:"order_id"`
	ParentID      text      `json:"parent_id"`
	Kind          text      `json:"kind"`
	Status        text      `json:"status"`
	Gateway       text      `json:"gateway"`
	Amount        text      `json:"amount"`
	Currency      text      `json:"currency"`
	Authorization text      `json:"authorization"`
	PaymentID     text      `json:"payment_id"`
	ErrorCode     text      `json:"error_code"`
	CreatedAt     text      `json:"created_at"`
	ProcessedAt   text      `json:"processed_at"`
	Test          text      `json:"test"`
	Unsettled     *priceSet `json:"total_unsettled_set"`
	// Receipt is whatever the gateway answered, in whatever shape.
	Receipt json.RawMessage `json:"receipt"`
}

type dispute struct {
	ID          text `json:"id"`
	OrderID     text `json:"order_id"`
	Type        text `json:"type"`
	Status      text `json:"status"`
	Amount      text `json:"amount"`
	Currency    text `json:"currency"`
	Reason      text `json:"reason"`
	InitiatedAt text `json:"initiated_at"`
	FinalizedOn text `json:"finalized_on"`
}

type customer struct {
	ID        text `json:"id"`
	Email     text `json:"email"`
	Phone     text `json:"phone"`
	FirstName text `json:"first_name"`
	LastName  text `json:"last_name"`
}

type address struct {
	Name         text `json:"name"`
	FirstName    text `json:"first_name"`
	LastName     text `json:"last_name"`
	Company      text `json:"company"`
	Line1        text `json:"address1"`
	Line2        text `json:"address2"`
	City         text `json:"city"`
	Province     text `json:"province"`
	ProvinceCode text `json:"province_code"`
	Zip          text `json:"zip"`
	CountryCode  text `json:"country_code"`
	Phone        text `json:"phone"`
}
