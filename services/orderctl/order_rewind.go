package orderctl

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
)

// moment is the past that is asked for; the zero moment is now.
type moment struct {
	// clock says whose time it is: recorded (ours) or occurred (the providers').
	clock string
	at    time.Time
}

// The clocks.
const (
	byRecorded = "recorded"
	byOccurred = "occurred"
)

// isNow says that nothing of the past was asked for.
func (m moment) isNow() bool { return m.clock == "" }

// includes says that an event belongs to what is asked for.
func (m moment) includes(e event.Recorded) bool {
	switch m.clock {
	case byRecorded:
		return !e.RecordedAt.After(m.at)
	case byOccurred:
		return !e.OccurredAt.After(m.at)
	}
	return true
}

// words says for which moment something is shown.
func (m moment) words() string {
	switch m.clock {
	case byRecorded:
		return "as we knew it at " + clockTime(m.at) + " UTC"
	case byOccurred:
		return "as it was at " + clockTime(m.at) + " UTC by the clocks of whoever told it"
	}
	return ""
}

// momentFlags adds --at and --occurred.
func momentFlags(c *cobra.Command) {
	c.Flags().String("at", "", "as we knew it at this `TIME`: only what we had recorded by then")
	c.Flags().String("occurred", "", "as it was at this `TIME`: only what had happened by then, by the providers' clocks")
}

func momentOf(c *cobra.Command) (moment, error) {
	var m moment
	for flag, clock := range map[string]string{"at": byRecorded, "occurred": byOccurred} {
		if !c.Flags().Changed(flag) {
			continue
		}
		if !m.isNow() {
			return m, calledWrongly(c, "--at and --occurred are two questions: ask one of them")
		}
		text, err := c.Flags().GetString(flag)
		if err != nil {
			return m, err
		}
		at, err := parseTime(text, now(c.Context()))
		if err != nil {
			return m, calledWrongly(c, "--%s: %v", flag, err)
		}
		m = moment{clock, at}
	}
	return m, nil
}

// rewind leaves the events that belong to a moment, and folds them. What is left out leaves gaps in the versions, which
// a fold takes for lost events: so what is folded is counted anew, once the whole streams were seen to have no gap.
func rewind(id ident.Entity, events []event.Recorded, m moment) (*order.State, []event.Recorded, error) {
	whole, err := order.Fold(id, events)
	if err != nil || m.isNow() {
		return whole, events, err
	}
	versions := map[event.Category]int{}
	var kept, counted []event.Recorded
	for _, e := range events {
		if !m.includes(e) {
			continue
		}
		kept = append(kept, e)
		versions[e.Category]++
		e.Version = versions[e.Category]
		counted = append(counted, e)
	}
	o, err := order.Fold(id, counted)
	return o, kept, err
}
