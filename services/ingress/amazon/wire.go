package amazon

import (
	"encoding/json"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// notification is what is around the payload of every notification, in PascalCase for some types and camelCase for the
// others. Detail is a notification inside the envelope of EventBridge, by which some types come into a queue.
type notification struct {
	Type      source.Scalar   `json:"NotificationType"`
	EventTime source.Scalar   `json:"EventTime"`
	Payload   json.RawMessage `json:"Payload"`
	Metadata  struct {
		ID source.Scalar `json:"NotificationId"`
	} `json:"NotificationMetadata"`
	Detail json.RawMessage `json:"detail"`
}

// orderChange is ORDER_CHANGE (schemas/notifications/OrderChangeNotification.json of Amazon's models).
type orderChange struct {
	Notification struct {
		OrderID source.Scalar `json:"AmazonOrderId"`
		Trigger struct {
			Time   source.Scalar `json:"TimeOfOrderChange"`
			Reason source.Scalar `json:"ChangeReason"`
		} `json:"OrderChangeTrigger"`
		Summary struct {
			Status source.Scalar `json:"OrderStatus"`
		} `json:"Summary"`
	} `json:"OrderChangeNotification"`
}

// quantityChange is LISTINGS_ITEM_MFN_QUANTITY_CHANGE.
type quantityChange struct {
	Channel  source.Scalar `json:"FulfillmentChannelCode"`
	SKU      source.Scalar `json:"Sku"`
	Quantity source.Scalar `json:"Quantity"`
}

// outboundShipment is FBA_OUTBOUND_SHIPMENT_STATUS.
type outboundShipment struct {
	Notification struct {
		OrderID    source.Scalar `json:"AmazonOrderId"`
		ShipmentID source.Scalar `json:"AmazonShipmentId"`
		Status     source.Scalar `json:"ShipmentStatus"`
	} `json:"FBAOutboundShipmentStatusNotification"`
}

// fulfillmentOrder is FULFILLMENT_ORDER_STATUS: what Amazon ships for an order of another shop.
type fulfillmentOrder struct {
	Notification struct {
		OrderID  source.Scalar `json:"SellerFulfillmentOrderId"`
		Updated  source.Scalar `json:"StatusUpdatedDateTime"`
		Shipment *struct {
			Status   source.Scalar `json:"FulfillmentShipmentStatus"`
			ID       source.Scalar `json:"AmazonShipmentId"`
			Packages []struct {
				Carrier source.Scalar `json:"CarrierCode"`
				Number  source.Scalar `json:"TrackingNumber"`
			} `json:"FulfillmentShipmentPackages"`
		} `json:"FulfillmentShipment"`
	} `json:"FulfillmentOrderStatusNotification"`
}

// reread is the payload of the topic "order": what three operations of the Orders API v0 answered, each as it came.
type reread struct {
	Order order  `json:"Order"`
	Items []item `json:"OrderItems"`
	// Address is what getOrderAddress answered. Without the right to read addresses there is none.
	Address struct {
		Shipping address `json:"ShippingAddress"`
	} `json:"Address"`
}

type amount struct {
	Currency source.Scalar `json:"CurrencyCode"`
	Amount   source.Scalar `json:"Amount"`
}

// order is what getOrder answers.
type order struct {
	ID            source.Scalar `json:"AmazonOrderId"`
	Purchased     source.Scalar `json:"PurchaseDate"`
	Updated       source.Scalar `json:"LastUpdateDate"`
	Status        source.Scalar `json:"OrderStatus"`
	Channel       source.Scalar `json:"FulfillmentChannel"`
	PaymentMethod source.Scalar `json:"PaymentMethod"`
	Total         *amount       `json:"OrderTotal"`
	Shipping      address       `json:"ShippingAddress"`
	Buyer         struct {
		Email source.Scalar `json:"BuyerEmail"`
		Name  source.Scalar `json:"BuyerName"`
	} `json:"BuyerInfo"`
}

// item is one of those that getOrderItems answers. Prices are for the whole quantity.
type item struct {
	ID                  source.Scalar `json:"OrderItemId"`
	SKU                 source.Scalar `json:"SellerSKU"`
	ASIN                source.Scalar `json:"ASIN"`
	Title               source.Scalar `json:"Title"`
	Ordered             source.Scalar `json:"QuantityOrdered"`
	Shipped             source.Scalar `json:"QuantityShipped"`
	Price               *amount       `json:"ItemPrice"`
	Tax                 *amount       `json:"ItemTax"`
	Shipping            *amount       `json:"ShippingPrice"`
	ShippingTax         *amount       `json:"ShippingTax"`
	ShippingDiscount    *amount       `json:"ShippingDiscount"`
	ShippingDiscountTax *amount       `json:"ShippingDiscountTax"`
	Promotion           *amount       `json:"PromotionDiscount"`
	PromotionTax        *amount       `json:"PromotionDiscountTax"`
	Buyer               struct {
		GiftWrap    *amount `json:"GiftWrapPrice"`
		GiftWrapTax *amount `json:"GiftWrapTax"`
	} `json:"BuyerInfo"`
}

type address struct {
	Name     source.Scalar `json:"Name"`
	Company  source.Scalar `json:"CompanyName"`
	Line1    source.Scalar `json:"AddressLine1"`
	Line2    source.Scalar `json:"AddressLine2"`
	Line3    source.Scalar `json:"AddressLine3"`
	City     source.Scalar `json:"City"`
	Region   source.Scalar `json:"StateOrRegion"`
	Postcode source.Scalar `json:"PostalCode"`
	Country  source.Scalar `json:"CountryCode"`
	Phone    source.Scalar `json:"Phone"`
}
