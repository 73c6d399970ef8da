package lives

import (
	"context"
	"fmt"

	"github.com/orderflow/orderflow/services/fulfillment"
)

// Carrier sells labels and keeps books. It fails now and then, with and without having done what it was asked for.
type Carrier struct {
	Labels []*Label
	memory *Memory
	// failures is how many attempts may come to nothing for good: three of them would ask a person.
	failures int
}

// Label is one label in the carrier's books.
type Label struct {
	Reference, Key, Tracking string
	Voided, Left             bool
}

func newCarrier(m *Memory) *Carrier { return &Carrier{memory: m, failures: 2} }

func (c *Carrier) fails() (before, after error) {
	if !c.memory.mishap() {
		return nil, nil
	}
	failures := []fulfillment.Failure{fulfillment.Down, fulfillment.Unknown, fulfillment.Unknown, fulfillment.Failed}
	switch kind := failures[c.memory.chance(len(failures))]; {
	case kind == fulfillment.Failed && c.failures == 0:
		return nil, nil
	case kind == fulfillment.Failed:
		c.failures--
		return &fulfillment.CarrierError{Failure: kind, Code: "broken"}, nil
	case kind == fulfillment.Unknown && c.memory.chance(2) == 0:
		return nil, &fulfillment.CarrierError{Failure: kind, Code: "no_answer"}
	default:
		return &fulfillment.CarrierError{Failure: kind, Code: "away"}, nil
	}
}

// Buy sells a label, the same one for the same key.
func (c *Carrier) Buy(_ context.Context, p fulfillment.Parcel) (fulfillment.Label, error) {
	before, after := c.fails()
	if before != nil {
		return fulfillment.Label{}, before
	}
	for _, l := range c.Labels {
		if l.Key == p.Key {
			return fulfillment.Label{Tracking: l.Tracking}, after
		}
	}
	l := &Label{Reference: p.Reference, Key: p.Key, Tracking: fmt.Sprintf("SB%d", len(c.Labels)+1)}
	c.Labels = append(c.Labels, l)
	return fulfillment.Label{Tracking: l.Tracking}, after
}

// Lookup finds a label that is not void.
func (c *Carrier) Lookup(_ context.Context, reference string) (fulfillment.Label, error) {
	before, after := c.fails()
	if before != nil {
		return fulfillment.Label{}, before
	}
	for _, l := range c.Labels {
		if l.Reference == reference && !l.Voided {
			return fulfillment.Label{Tracking: l.Tracking}, after
		}
	}
	return fulfillment.Label{}, &fulfillment.CarrierError{Failure: fulfillment.NotFound, Code: "no_label"}
}

// Void takes the labels under a reference back, unless one of them has left.
func (c *Carrier) Void(_ context.Context, reference string) error {
	before, after := c.fails()
	if before != nil {
		return before
	}
	for _, l := range c.Labels {
		if l.Reference == reference && l.Left {
			return &fulfillment.CarrierError{Failure: fulfillment.Refused, Code: "already_scanned"}
		}
	}
	for _, l := range c.Labels {
		l.Voided = l.Voided || l.Reference == reference
	}
	return after
}

// Live are the labels that may be used.
func (c *Carrier) Live() []*Label {
	var live []*Label
	for _, l := range c.Labels {
		if !l.Voided {
			live = append(live, l)
		}
	}
	return live
}
