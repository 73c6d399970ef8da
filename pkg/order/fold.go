package order

import (
	"errors"
	"fmt"
	"slices"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
)

// ErrGap says that a stream's versions do not follow one another: something was lost or stored half.
var ErrGap = errors.New("gap in versions")

// ErrDamaged says that an event cannot be read, or that what it says cannot be folded.
var ErrDamaged = errors.New("damaged event")

// Fold is the state after all events of one order, given in the order of their category and version. An event that the
// fold cannot bear is that order's trouble alone.
func Fold(id ident.Entity, events []event.Recorded) (s *State, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("order %s: %w: the fold broke: %s", id, ErrDamaged, fault.Panicked(r))
		}
	}()
	s = New(id)
	for _, e := range events {
		if err := s.Apply(e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Apply folds one more event. It refuses an event of another entity, a version that does not follow, and an event of
// the stock category, whose streams are a SKU's. A type that this build does not know is counted and passed over:
// whether that matters is for the owner of the category to say.
func (s *State) Apply(e event.Recorded) error {
	if e.Entity != s.ID {
		return fmt.Errorf("order %s: event %s is about %s", s.ID, e.ID, e.Entity)
	}
	if e.Category == event.Stock || !slices.Contains(event.Categories[:], e.Category) {
		return fmt.Errorf("order %s: category %q is no facet of an order", s.ID, e.Category)
	}
	at := slot(e.Category)
	if e.Version != s.versions[at]+1 {
		return fmt.Errorf("order %s: %w: %s %d follows %d", s.ID, ErrGap, e.Category, e.Version, s.versions[at])
	}
	if e.Damaged != nil {
		return fmt.Errorf("order %s: %w: %s %d: %v", s.ID, ErrDamaged, e.Category, e.Version, e.Damaged)
	}
	s.versions[at] = e.Version
	s.Events++
	if at := e.RecordedAt; !at.IsZero() && (s.FirstRecorded.IsZero() || at.Before(s.FirstRecorded)) { // decided, not recorded: no time yet
		s.FirstRecorded = e.RecordedAt
	}
	if e.RecordedAt.After(s.LastRecorded) {
		s.LastRecorded = e.RecordedAt
	}
	if e.Message == nil {
		s.Unknown++
		return nil
	}
	switch e.Category {
	case event.Order:
		s.Order.apply(e)
	case event.Payment:
		s.Payment.apply(e)
	case event.Fraud:
		s.Fraud.apply(e)
	case event.Inventory:
		s.Inventory.apply(e)
	case event.Fulfillment:
		s.Fulfillment.apply(e)
	case event.Notification:
		s.Notification.apply(e)
	default: // refused above
	}
	return nil
}
