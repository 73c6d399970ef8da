package order

import (
	"slices"

	"github.com/orderflow/orderflow/pkg/event"
)

// Clone is a copy that can be folded further without touching the original. Messages inside are shared: nobody
// changes a message once it is an event.
func (s *State) Clone() *State {
	c := *s
	c.Order.told = slices.Clone(s.Order.told)
	c.Order.Holds = slices.Clone(s.Order.Holds)
	c.Order.Waived = slices.Clone(s.Order.Waived)
	c.Order.Releases = slices.Clone(s.Order.Releases)
	c.Order.Refusals = slices.Clone(s.Order.Refusals)
	if s.Order.Cancellation != nil {
		cancellation := *s.Order.Cancellation
		c.Order.Cancellation = &cancellation
	}
	c.Payment.Reports = slices.Clone(s.Payment.Reports)
	c.Payment.Refunds = slices.Clone(s.Payment.Refunds)
	c.Payment.disputed = slices.Clone(s.Payment.disputed)
	c.Payment.Claims = slices.Clone(s.Payment.Claims)
	c.Payment.Grants = slices.Clone(s.Payment.Grants)
	c.Payment.Duplicates = slices.Clone(s.Payment.Duplicates)
	c.Fulfillment.Shipments = slices.Clone(s.Fulfillment.Shipments)
	c.Fulfillment.Scans = slices.Clone(s.Fulfillment.Scans)
	c.Fulfillment.Reports = slices.Clone(s.Fulfillment.Reports)
	c.Notification.Sent = slices.Clone(s.Notification.Sent)
	c.Notification.Started = slices.Clone(s.Notification.Started)
	return &c
}

// With is the state after events that were decided and are not stored yet: a decision that has several steps looks at
// it between them. When they will be recorded nobody knows yet, so those times are zero: the provider's clock, which
// may be days behind, must not be taken for ours.
func (s *State) With(category event.Category, news ...event.New) *State {
	c := s.Clone()
	for _, n := range news {
		// Apply refuses only what cannot come from here: a foreign entity, a gap, the stock category.
		_ = c.Apply(event.Recorded{
			Entity: s.ID, Category: category, Version: c.Version(category) + 1, Type: event.TypeOf(n.Message),
			Message: n.Message, Cause: n.Cause, OccurredAt: n.OccurredAt,
		})
	}
	return c
}
