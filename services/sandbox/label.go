package sandbox

import "time"

// Address is where a parcel goes. All of it may be empty: then it waits at the counter.
type Address struct {
	Name       string `json:"name,omitempty"`
	Company    string `json:"company,omitempty"`
	Line1      string `json:"line1,omitempty"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
	Phone      string `json:"phone,omitempty"`
}

// Item is what is in a parcel.
type Item struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// Order asks for a label.
type Order struct {
	Reference string  `json:"reference"`
	To        Address `json:"to"`
	Items     []Item  `json:"items"`
	Priority  bool    `json:"priority,omitempty"`
}

// Cost is what a label costs.
type Cost struct {
	MinorUnits int64  `json:"minor_units"`
	Currency   string `json:"currency"`
}

// Label is a label as the API shows it.
type Label struct {
	Tracking  string `json:"tracking_number"`
	URL       string `json:"label_url"`
	Reference string `json:"reference"`
	Cost      Cost   `json:"cost"`
	Voided    bool   `json:"voided"`
}

// Scan is one scan of a parcel, as the webhook tells it.
type Scan struct {
	Tracking   string    `json:"tracking_number"`
	Reference  string    `json:"reference"`
	ID         string    `json:"scan_id"`
	Status     string    `json:"status"`
	Code       string    `json:"code"`
	Location   string    `json:"location"`
	OccurredAt time.Time `json:"occurred_at"`
}

// Mail is a mail that was taken in.
type Mail struct {
	ID         int64     `json:"id"`
	To         []string  `json:"to"`
	From       string    `json:"from"`
	Subject    string    `json:"subject"`
	MessageID  string    `json:"message_id"`
	Text       string    `json:"text"`
	HTML       string    `json:"html"`
	ReceivedAt time.Time `json:"received_at"`
}
