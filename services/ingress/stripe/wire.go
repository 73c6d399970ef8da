package stripe

import (
	"encoding/json"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// event is Stripe's envelope.
type event struct {
	ID         source.Scalar `json:"id"`
	Object     source.Scalar `json:"object"`
	APIVersion source.Scalar `json:"api_version"`
	Created    source.Scalar `json:"created"`
	Type       source.Scalar `json:"type"`
	Livemode   source.Scalar `json:"livemode"`
	Account    source.Scalar `json:"account"` // the connected account that it happened in; empty for one's own
	Data       struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// id is what may be told as an id or as the whole object; we need the id.
type id string

// UnmarshalJSON takes an id, an object with an id, or nothing.
func (i *id) UnmarshalJSON(data []byte) error {
	var head struct {
		ID source.Scalar `json:"id"`
	}
	if len(data) > 0 && data[0] == '{' {
		_ = source.Decode(data, &head) // syntax was looked at before; what does not fit is left empty, as everywhere
	} else if err := head.ID.UnmarshalJSON(data); err != nil {
		return err
	}
	*i = id(head.ID.String())
	return nil
}

// expanded is an object that may be told as its id alone: then only that is filled.
type expanded[T any] struct {
	ID   id
	Full T
}

// UnmarshalJSON takes an id, an object with an id, or nothing.
func (e *expanded[T]) UnmarshalJSON(data []byte) error {
	*e = expanded[T]{}
	if len(data) > 0 && data[0] == '{' {
		_ = source.Decode(data, &e.Full) // as above
	}
	return e.ID.UnmarshalJSON(data)
}

// list is a list of objects that older versions of the API embed.
type list[T any] struct {
	Data []T `json:"data"`
}

type metadata map[string]source.Scalar

// UnmarshalJSON takes an object; PHP's empty array for "nothing" is nothing.
func (m *metadata) UnmarshalJSON(data []byte) error {
	*m = nil
	if len(data) == 0 || data[0] != '{' {
		return nil
	}
	var plain map[string]source.Scalar
	err := json.Unmarshal(data, &plain)
	*m = plain
	return err
}

type intent struct {
	ID               source.Scalar      `json:"id"`
	Amount           source.Scalar      `json:"amount"`
	AmountReceived   source.Scalar      `json:"amount_received"`
	AmountCapturable source.Scalar      `json:"amount_capturable"`
	Currency         source.Scalar      `json:"currency"`
	Created          source.Scalar      `json:"created"`
	LatestCharge     expanded[charge]   `json:"latest_charge"`
	Charges          list[charge]       `json:"charges"`
	Customer         expanded[customer] `json:"customer"`
	ReceiptEmail     source.Scalar      `json:"receipt_email"`
	Shipping         *contact           `json:"shipping"`
	Metadata         metadata           `json:"metadata"`
	LastPaymentError *struct {
		Code        source.Scalar `json:"code"`
		DeclineCode source.Scalar `json:"decline_code"`
		Charge      id            `json:"charge"`
	} `json:"last_payment_error"`
}

type charge struct {
	ID             source.Scalar `json:"id"`
	Amount         source.Scalar `json:"amount"`
	AmountCaptured source.Scalar `json:"amount_captured"`
	AmountRefunded source.Scalar `json:"amount_refunded"`
	Captured       source.Scalar `json:"captured"`
	Currency       source.Scalar `json:"currency"`
	Status         source.Scalar `json:"status"`
	FailureCode    source.Scalar `json:"failure_code"`
	PaymentIntent  id            `json:"payment_intent"`
	Refunds        list[refund]  `json:"refunds"`
	Metadata       metadata      `json:"metadata"`
	Billing        *contact      `json:"billing_details"`
	Outcome        *struct {
		RiskLevel source.Scalar `json:"risk_level"`
	} `json:"outcome"`
	Method *struct {
		Card *struct {
			Country source.Scalar `json:"country"`
		} `json:"card"`
	} `json:"payment_method_details"`
}

type refund struct {
	ID            source.Scalar `json:"id"`
	Amount        source.Scalar `json:"amount"`
	Currency      source.Scalar `json:"currency"`
	Charge        id            `json:"charge"`
	PaymentIntent id            `json:"payment_intent"`
	Reason        source.Scalar `json:"reason"`
	Status        source.Scalar `json:"status"`
	FailureReason source.Scalar `json:"failure_reason"`
	Created       source.Scalar `json:"created"`
	Metadata      metadata      `json:"metadata"`
}

type dispute struct {
	ID            source.Scalar `json:"id"`
	Amount        source.Scalar `json:"amount"`
	Currency      source.Scalar `json:"currency"`
	Charge        id            `json:"charge"`
	PaymentIntent id            `json:"payment_intent"`
	Reason        source.Scalar `json:"reason"`
	Status        source.Scalar `json:"status"`
	Metadata      metadata      `json:"metadata"`
}

type session struct {
	ID            source.Scalar      `json:"id"`
	AmountTotal   source.Scalar      `json:"amount_total"`
	Currency      source.Scalar      `json:"currency"`
	Created       source.Scalar      `json:"created"`
	PaymentIntent id                 `json:"payment_intent"`
	PaymentStatus source.Scalar      `json:"payment_status"`
	Customer      expanded[customer] `json:"customer"`
	CustomerEmail source.Scalar      `json:"customer_email"`
	Details       *contact           `json:"customer_details"`
	Shipping      *contact           `json:"shipping"`
	ShippingNew   *contact           `json:"shipping_details"`
	Collected     *struct {
		Shipping *contact `json:"shipping_details"`
	} `json:"collected_information"`
	Metadata metadata `json:"metadata"`
	Totals   *struct {
		Discount source.Scalar `json:"amount_discount"`
		Shipping source.Scalar `json:"amount_shipping"`
		Tax      source.Scalar `json:"amount_tax"`
	} `json:"total_details"`
}

type customer struct {
	Email source.Scalar `json:"email"`
	Name  source.Scalar `json:"name"`
	Phone source.Scalar `json:"phone"`
}

// contact is an address with the person who lives there.
type contact struct {
	Name    source.Scalar `json:"name"`
	Email   source.Scalar `json:"email"`
	Phone   source.Scalar `json:"phone"`
	Address *struct {
		Line1      source.Scalar `json:"line1"`
		Line2      source.Scalar `json:"line2"`
		City       source.Scalar `json:"city"`
		State      source.Scalar `json:"state"`
		PostalCode source.Scalar `json:"postal_code"`
		Country    source.Scalar `json:"country"`
	} `json:"address"`
}
