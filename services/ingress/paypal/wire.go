package paypal

import (
	"encoding/json"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// event is PayPal's envelope.
type event struct {
	ID         source.Scalar   `json:"id"`
	Type       source.Scalar   `json:"event_type"`
	CreateTime source.Scalar   `json:"create_time"`
	Resource   json.RawMessage `json:"resource"`
	Links      []link          `json:"links"`
}

// link leads from a resource to another one.
type link struct {
	Rel  source.Scalar `json:"rel"`
	Href source.Scalar `json:"href"`
}

// amount is a decimal in major units; the first version of the API has other names for the same.
type amount struct {
	Value        source.Scalar `json:"value"`
	CurrencyCode source.Scalar `json:"currency_code"`
	Total        source.Scalar `json:"total"`
	Currency     source.Scalar `json:"currency"`
}

// resource is an authorization, a capture, a refund, or a sale of the first version of the API.
type resource struct {
	ID            source.Scalar `json:"id"`
	Status        source.Scalar `json:"status"`
	State         source.Scalar `json:"state"`
	Amount        amount        `json:"amount"`
	CustomID      source.Scalar `json:"custom_id"`
	InvoiceID     source.Scalar `json:"invoice_id"`
	CreateTime    source.Scalar `json:"create_time"`
	Links         []link        `json:"links"`
	StatusDetails struct {
		Reason source.Scalar `json:"reason"`
	} `json:"status_details"`
	Supplementary struct {
		Related struct {
			OrderID         source.Scalar `json:"order_id"`
			AuthorizationID source.Scalar `json:"authorization_id"`
			CaptureID       source.Scalar `json:"capture_id"`
		} `json:"related_ids"`
	} `json:"supplementary_data"`

	Custom        source.Scalar `json:"custom"`
	InvoiceNumber source.Scalar `json:"invoice_number"`
	ParentPayment source.Scalar `json:"parent_payment"`
	SaleID        source.Scalar `json:"sale_id"`
	ReasonCode    source.Scalar `json:"reason_code"`
}

// order is a checkout order with what became of it.
type order struct {
	ID    source.Scalar `json:"id"`
	Units []struct {
		CustomID  source.Scalar `json:"custom_id"`
		InvoiceID source.Scalar `json:"invoice_id"`
		Payments  struct {
			Authorizations []resource `json:"authorizations"`
			Captures       []resource `json:"captures"`
			Refunds        []resource `json:"refunds"`
		} `json:"payments"`
	} `json:"purchase_units"`
}

type dispute struct {
	ID           source.Scalar `json:"dispute_id"`
	UpdateTime   source.Scalar `json:"update_time"`
	Status       source.Scalar `json:"status"`
	Stage        source.Scalar `json:"dispute_life_cycle_stage"`
	Reason       source.Scalar `json:"reason"`
	Amount       amount        `json:"dispute_amount"`
	Transactions []struct {
		SellerTransactionID source.Scalar `json:"seller_transaction_id"`
		Custom              source.Scalar `json:"custom"`
		InvoiceNumber       source.Scalar `json:"invoice_number"`
	} `json:"disputed_transactions"`
	Outcome struct {
		Code     source.Scalar `json:"outcome_code"`
		Refunded *amount       `json:"amount_refunded"`
	} `json:"dispute_outcome"`
}

// up is the id of the resource of a kind (captures, authorizations, orders) from which this one came; empty if none is
// told.
func up(links []link, kind string) source.Scalar {
	for _, l := range links {
		if l.Rel.String() != "up" {
			continue
		}
		path := strings.Split(l.Href.String(), "/")
		if n := len(path); n > 1 && path[n-2] == kind {
			return source.Scalar(path[n-1])
		}
	}
	return ""
}

// test says that a link leads to the sandbox.
func test(links []link) bool {
	for _, l := range links {
		if strings.Contains(l.Href.String(), ".sandbox.paypal.com/") {
			return true
		}
	}
	return false
}

// first is the first scalar that tells something.
func first(scalars ...source.Scalar) source.Scalar {
	for _, s := range scalars {
		if s.String() != "" {
			return s
		}
	}
	return ""
}
