package adyen

import (
	"bytes"
	"encoding/json"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// notification is the body of a standard webhook, or the head of any other.
type notification struct {
	Live source.Scalar `json:"live"`
	// Told are the items as they came, Items what was read of them.
	Told  json.RawMessage `json:"notificationItems"`
	Items []item          `json:"-"`

	// Of Adyen's other webhooks.
	Type        source.Scalar `json:"type"`
	EventType   source.Scalar `json:"eventType"`
	Environment source.Scalar `json:"environment"`
}

// mostItems is more than Adyen sends: one in JSON, six in its other formats.
const mostItems = 100

// unpack reads a body, and says whether it is JSON. It may not be known yet who sent it, so no more than one item beyond
// mostItems is read: {} takes three bytes in a body, and a hundred times as many once it is read.
func unpack(body []byte, trouble *source.Trouble) (n notification, readable bool) {
	if !trouble.Unreadable(source.Decode(body, &n)) {
		return n, false
	}
	if len(n.Told) == 0 || string(n.Told) == "null" {
		return n, true
	}
	d := json.NewDecoder(bytes.NewReader(n.Told))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		trouble.Bad("notificationItems", "is no list")
		return n, true
	}
	for d.More() && len(n.Items) <= mostItems {
		var one struct {
			Item item `json:"NotificationRequestItem"`
		}
		trouble.Unreadable(d.Decode(&one)) // it is JSON as a whole, so that all that can be wrong is a field
		n.Items = append(n.Items, one.Item)
	}
	return n, true
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
