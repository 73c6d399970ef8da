package adyen

import (
	"encoding/json"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// notification is the body of a standard webhook, or the head of any other.
type notification struct {
	Live  source.Scalar `json:"live"`
	Items []struct {
		Item item `json:"NotificationRequestItem"`
	} `json:"notificationItems"`

	// Of Adyen's other webhooks.
	Type        source.Scalar `json:"type"`
	EventType   source.Scalar `json:"eventType"`
	Environment source.Scalar `json:"environment"`
}

// item is one thing that happened.
type item struct {
	PSPReference        source.Scalar `json:"pspReference"`
	OriginalReference   source.Scalar `json:"originalReference"`
	MerchantAccountCode source.Scalar `json:"merchantAccountCode"`
	MerchantReference   source.Scalar `json:"merchantReference"`
	Amount              struct {
		Value    source.Scalar `json:"value"`
		Currency source.Scalar `json:"currency"`
	} `json:"amount"`
	EventCode source.Scalar `json:"eventCode"`
	Success   source.Scalar `json:"success"`
	EventDate source.Scalar `json:"eventDate"`
	Reason    source.Scalar `json:"reason"`
	More      more          `json:"additionalData"`
}

// more is additionalData: names and texts.
type more map[string]source.Scalar

// UnmarshalJSON takes an object; anything else is nothing.
func (m *more) UnmarshalJSON(data []byte) error {
	*m = nil
	if len(data) == 0 || data[0] != '{' {
		return nil
	}
	var plain map[string]source.Scalar
	err := json.Unmarshal(data, &plain)
	*m = plain
	return err
}
