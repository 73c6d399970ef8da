package order

import (
	"fmt"
	"strings"
	"time"

	"github.com/orderflow/orderflow/pkg/money"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// Gate is one thing that has to be true before anything is shipped.
type Gate struct {
	// Name is placed, running, fraud, payment, stock or hold:<kind>.
	Name string
	Open bool
	// WaitsFor says in words what a closed gate waits for; empty if open.
	WaitsFor string
	// Who has to move: the shop, the customer, the warehouse, an operator, a service of ours.
	Who string
	// Since is when the gate began to wait; Deadline until when it may. Zero where there is none.
	Since    time.Time
	Deadline time.Time
}

// nobody has to move where an order waits for nothing.
const nobody = "nobody"

// Gates are all gates of the release, open and closed, in the order in which people ask. An order that has ended, or was
// imported, waits at none but the first two, which say so. Deadlines that depend on settings are the orders service's to
// enforce: it places a hold or closes the order when one passes.
func (s *State) Gates() []Gate {
	gates := []Gate{s.placedGate(), s.runningGate()}
	if s.Order.Historic || s.Order.Ended() || s.Completed() && !s.Order.Cancelling() {
		return gates
	}
	gates = append(gates, s.fraudGate(), s.paymentGate(), s.stockGate())
	for _, h := range s.Order.Holds {
		gates = append(gates, Gate{
			Name: "hold:" + HoldName(h.Kind), WaitsFor: holdWords(h), Who: "an operator", Since: h.Since, Deadline: h.Deadline,
		})
	}
	return gates
}

// Releasable says that every gate is open: no hold, funds cover, allocated, fraud cleared, not cancelling.
func (s *State) Releasable() bool {
	if len(s.Order.Holds) > 0 || s.Order.Historic {
		return false
	}
	return s.placedGate().Open && s.runningGate().Open && s.fraudGate().Open && s.paymentGate().Open && s.stockGate().Open
}

// FundsCover says that what is ours of the captured money reaches the total, in the order's own currency, and that none
// of it was told for another order before: a payment pays for one order.
func (s *State) FundsCover() bool {
	return s.Order.Placed && s.Funds().Due() <= 0 && !s.PaidElsewhere()
}

// PaidElsewhere says that a payment was told for another order before, and that no person has said that it counts here.
func (s *State) PaidElsewhere() bool {
	return s.Payment.Elsewhere && !s.Order.IsWaived(orderv1.HoldKind_HOLD_KIND_PAYMENT, HoldElsewhere)
}

func (s *State) placedGate() Gate {
	g := Gate{Name: "placed", Open: s.Order.Placed && !s.Order.Historic}
	switch {
	case !s.Order.Placed:
		g.WaitsFor, g.Who = "the order itself: only other news of it has come so far", "the shop"
	case s.Order.Historic:
		g.WaitsFor, g.Who = "nothing: it was imported from the past and is only shown", nobody
	}
	return g
}

func (s *State) runningGate() Gate {
	completed := s.Completed() && !s.Order.Cancelling() // what was delivered and is to be cancelled still waits for answers
	g := Gate{Name: "running", Open: !s.Order.Cancelling() && !s.Order.Ended() && !completed}
	switch {
	case s.Order.Ended():
		g.WaitsFor, g.Who, g.Since = "nothing: the order has ended", nobody, s.Order.ClosedAt
	case completed:
		g.WaitsFor, g.Who, g.Since = "nothing: the order is completed", nobody, s.CompletedAt()
	case s.Order.Cancelling():
		g.Since = s.Order.Cancellation.Since
		g.WaitsFor, g.Who = "its cancellation: "+strings.Join(s.Unanswered(), ", ")+" not closed yet", "our services"
	}
	return g
}

// Unanswered names the services that have not answered the open cancellation.
func (s *State) Unanswered() []string {
	var missing []string
	for _, part := range []struct {
		name   string
		closed *Closed
	}{{"fulfillment", s.Fulfillment.Closed}, {"inventory", s.Inventory.Closed}, {"payment", s.Payment.Closed}} {
		if !s.Answered(part.closed) {
			missing = append(missing, part.name)
		}
	}
	return missing
}

func (s *State) fraudGate() Gate {
	g := Gate{Name: "fraud", Open: s.Fraud.Cleared(), Since: s.Order.RecordedAt}
	switch {
	case g.Open:
		g.Since = time.Time{}
	case s.Fraud.Rejected():
		g.WaitsFor, g.Who = "nothing: the order was rejected", nobody
	case s.Fraud.Scored:
		g.WaitsFor = "a person's review: its risk is " + Score(s.Fraud.ScoreMillis)
		g.Who, g.Since = "an operator", s.Fraud.ScoredAt
	default:
		g.WaitsFor, g.Who = "its risk score", "fraud"
	}
	return g
}

func (s *State) paymentGate() Gate {
	f := s.Funds()
	g := Gate{Name: "payment", Open: s.FundsCover(), Since: s.Order.RecordedAt}
	switch {
	case g.Open:
		g.Since = time.Time{}
	case s.PaidElsewhere():
		g.WaitsFor, g.Who = "a person's word on a payment that was told for another order before", "an operator"
	case s.ForeignFunds():
		g.WaitsFor, g.Who = "money in "+f.Currency+": what came is in another currency", "an operator"
	case f.Disputed > 0 || f.ChargedBy > 0:
		g.WaitsFor, g.Who = "the end of a dispute: the bank has taken money back", "the bank"
	case f.Ahead():
		g.WaitsFor, g.Who = "news of a payment: more went back than was told to have come", "the payment provider"
	case f.Captured == 0 && f.Authorized > 0:
		g.WaitsFor, g.Who = "the capture of an authorised payment", "the shop"
	default:
		g.WaitsFor, g.Who = money.FromProto(f.Money(f.Due())).String()+" that are still due", "the customer"
	}
	return g
}

func (s *State) stockGate() Gate {
	g := Gate{Name: "stock", Open: s.FullyAllocated() || s.Fulfillment.Shipped(), Since: s.Order.RecordedAt}
	switch {
	case g.Open:
		g.Since = time.Time{}
	case len(s.Inventory.Shortages) > 0:
		var short []string
		for _, m := range s.Inventory.Shortages {
			short = append(short, fmt.Sprintf("%s (%d wanted, %d there)", m.GetSku(), m.GetWanted(), m.GetAvailable()))
		}
		g.WaitsFor, g.Who = "stock: "+strings.Join(short, ", "), "the warehouse"
		g.Since, g.Deadline = s.Inventory.BackorderedAt, s.Inventory.Deadline
	default:
		g.WaitsFor, g.Who = "its stock to be reserved", "inventory"
	}
	return g
}

// HoldName is the word for a hold in commands and tables: fraud, payment, stock, address, operator, edit.
func HoldName(k orderv1.HoldKind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "HOLD_KIND_"))
}

// Score is a number of thousandths as people write it: 0.650.
func Score(thousandths int) string { return fmt.Sprintf("%d.%03d", thousandths/1000, thousandths%1000) }

func holdWords(h Hold) string {
	if h.Detail != "" {
		return h.Detail
	}
	return strings.ReplaceAll(h.Reason, "_", " ")
}
