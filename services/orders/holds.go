package orders

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// maxQuantity is more than anybody ships of one line; above it a typing error or an attack is more likely.
const maxQuantity = 1_000_000

// question is a reason to hold, as a rule sees it.
type question struct {
	kind   orderv1.HoldKind
	reason string
	detail string
}

// holds places what the rules ask for, unless a person waived it, and takes away what no rule asks for any more.
// A hold that an operator placed is no rule's to take away.
func (r Rules) holds(d *draft) {
	asked := r.questions(d)
	for _, h := range d.state.Order.Holds {
		if h.Reason != reasonOperator && !contains(asked, h.Kind, h.Reason) {
			d.emit(&orderv1.HoldReleased{Kind: h.Kind, By: order.ByRule, Reason: "no longer applies", HoldReason: h.Reason})
		}
	}
	for _, q := range asked {
		if d.state.Order.Held(q.kind, q.reason) || d.state.Order.IsWaived(q.kind, q.reason) {
			continue
		}
		d.hold(q, r.HoldDeadline)
	}
}

// hold places a hold; until its deadline a person may think about it before it is shown as overdue.
func (d *draft) hold(q question, until time.Duration) {
	d.emit(&orderv1.HoldPlaced{Kind: q.kind, Reason: q.reason, Detail: q.detail, Deadline: timestamppb.New(d.now.Add(until))})
}

func contains(asked []question, kind orderv1.HoldKind, reason string) bool {
	for _, q := range asked {
		if q.kind == kind && q.reason == reason {
			return true
		}
	}
	return false
}

func (r Rules) questions(d *draft) []question {
	o := d.state
	if o.Fulfillment.Shipped() {
		return append(elsewhereQuestions(o), leftBehind(o)...)
	}
	asked := describedWrongly(o.Order.Description)
	if r.RequireAddress && len(o.Wanted()) > 0 && !o.Order.Description.GetHasAddress() {
		asked = append(asked, question{orderv1.HoldKind_HOLD_KIND_ADDRESS, "no_address", "there is no address to ship to"})
	}
	if o.Fraud.Scored && !o.Fraud.Cleared() {
		asked = append(asked, question{orderv1.HoldKind_HOLD_KIND_FRAUD, "score_above_limit", "its risk of " + order.Score(o.Fraud.ScoreMillis) + " needs a review"})
	}
	asked = append(asked, r.paymentQuestions(d)...)
	if len(o.Inventory.Shortages) > 0 && !o.Inventory.Deadline.IsZero() && !d.now.Before(o.Inventory.Deadline) {
		asked = append(asked, question{orderv1.HoldKind_HOLD_KIND_STOCK, order.HoldBackorderOverdue, "stock did not come within its time"})
	}
	if awaited := o.Awaited(); len(awaited) > 0 && r.overdue(d, holdService) {
		asked = append(asked, question{holdService.kind, holdService.reason, strings.Join(awaited, " and ") + " has not answered in time"})
	}
	asked = append(asked, elsewhereQuestions(o)...)
	return append(asked, parcelQuestions(o)...)
}

// paymentQuestions ask about money that came and does not simply pay for the order.
func (r Rules) paymentQuestions(d *draft) []question {
	var asked []question
	if d.state.ForeignFunds() {
		asked = append(asked, question{orderv1.HoldKind_HOLD_KIND_PAYMENT, "currency_mismatch", "money came in another currency than the order's"})
	}
	if d.state.Payment.Elsewhere {
		asked = append(asked, question{orderv1.HoldKind_HOLD_KIND_PAYMENT, order.HoldElsewhere, "its payment was told for another order before: release this hold if it pays for this one"})
	}
	if r.paymentOverdue(d) && d.state.Funds().Due() > 0 {
		asked = append(asked, question{orderv1.HoldKind_HOLD_KIND_PAYMENT, order.HoldPaymentOverdue, "it was not paid whole within its time"})
	}
	return asked
}

// leftBehind asks about what was ordered beyond the parcel that has left: there is one parcel for an order.
func leftBehind(o *order.State) []question {
	lines := o.Lines()
	if !slices.ContainsFunc(lines, func(l order.Line) bool { return l.Shipped > l.Elsewhere }) {
		return nil // a scan of a parcel that is not known yet
	}
	for _, l := range lines {
		if order.Ours(l.Described) && l.Shipped < l.Ordered {
			return []question{{orderv1.HoldKind_HOLD_KIND_EDIT, "edited_after_shipping", fmt.Sprintf("line %s was raised after the parcel had left", l.ID)}}
		}
	}
	return nil
}

// elsewhereQuestions ask about what somebody else has shipped: goods that have a label of ours, which is taken back, but
// may be on a parcel by now; and the rest of an order that was to be cancelled after a part of it had left.
func elsewhereQuestions(o *order.State) []question {
	if !o.ShippedElsewhere() {
		return nil
	}
	var asked []question
	for _, sh := range o.Fulfillment.Shipments {
		if sh.Tracking != "" && (!sh.Voided || sh.VoidedBecause == order.VoidedElsewhere) && o.Twice(&sh) {
			detail := fmt.Sprintf("somebody else has shipped what is in our parcel %s: it must not leave as well", sh.Tracking)
			asked = append(asked, question{orderv1.HoldKind_HOLD_KIND_EDIT, order.HoldShippedElsewhere, detail})
			break
		}
	}
	if refusedBefore(&o.Order, byShop) && len(o.Wanted()) > 0 {
		detail := "its shop cancelled it after a part of it had been shipped"
		asked = append(asked, question{orderv1.HoldKind_HOLD_KIND_EDIT, order.HoldCancelledInPart, detail})
	}
	return asked
}

// parcelQuestions ask about a label that could not be bought, and about an edit that came after one.
func parcelQuestions(o *order.State) []question {
	latest := o.Order.LatestRelease()
	if latest == nil {
		return nil
	}
	parcel := o.Shipment(latest.Number)
	switch {
	case parcel == nil || parcel.Voided:
		return nil
	case parcel.GivenUp:
		return []question{{orderv1.HoldKind_HOLD_KIND_OPERATOR, order.HoldLabelFailed, "no label could be bought: " + parcel.FailureCode}}
	case parcel.Active() && !order.SameLines(latest.Lines, o.Wanted()) && !o.Twice(parcel):
		return []question{{orderv1.HoldKind_HOLD_KIND_EDIT, "edited_after_label", "the order was edited after its label was asked for"}}
	}
	return nil
}

// describedWrongly asks about descriptions that cannot be what the shop meant. They are recorded as they were told.
func describedWrongly(d *orderv1.Description) []question {
	if _, err := money.Exponent(d.GetCurrency()); err != nil {
		return []question{{orderv1.HoldKind_HOLD_KIND_PAYMENT, "unknown_currency", "its currency is not in ISO 4217"}}
	}
	if len(d.GetLines()) == 0 {
		return []question{{orderv1.HoldKind_HOLD_KIND_EDIT, "no_lines", "it says nothing of what was ordered"}}
	}
	for _, l := range d.GetLines() {
		if l.GetQuantity() < 0 || l.GetQuantity() > maxQuantity {
			return []question{{orderv1.HoldKind_HOLD_KIND_EDIT, "impossible_quantity", fmt.Sprintf("line %s has a quantity of %d", l.GetId(), l.GetQuantity())}}
		}
		if l.GetSku() == "" && order.Ours(l) && l.GetQuantity() > 0 {
			return []question{{orderv1.HoldKind_HOLD_KIND_EDIT, "no_sku", fmt.Sprintf("line %s has no SKU to take from stock", l.GetId())}}
		}
	}
	if d.GetTotals().GetTotal().GetMinorUnits() < 0 {
		return []question{{orderv1.HoldKind_HOLD_KIND_PAYMENT, "negative_total", "its total is negative"}}
	}
	if sum, ok := arithmetic(d); !ok || !near(sum, d.GetTotals().GetTotal().GetMinorUnits(), int64(len(d.GetLines()))) {
		return []question{{orderv1.HoldKind_HOLD_KIND_PAYMENT, "total_mismatch", "its lines do not add up to its total"}}
	}
	return nil
}

// near allows one minor unit per line: shops round tax line by line or over the whole.
func near(sum, total, lines int64) bool {
	difference := sum - total
	return -lines <= difference && difference <= lines
}

// arithmetic is lines − discounts + shipping + tax; false if it leaves int64.
func arithmetic(d *orderv1.Description) (int64, bool) {
	var total int64
	ok := true
	plus := func(a int64) {
		next := total + a
		ok = ok && (a >= 0) == (next >= total)
		total = next
	}
	for _, l := range d.GetLines() {
		p, fits := times(l.GetUnitPrice().GetMinorUnits(), l.GetQuantity())
		ok = ok && fits
		plus(p)
		plus(-l.GetDiscount().GetMinorUnits())
	}
	t := d.GetTotals()
	plus(t.GetShipping().GetMinorUnits())
	plus(-orderDiscount(d))
	if !t.GetTaxIncluded() {
		plus(t.GetTax().GetMinorUnits())
	}
	return total, ok
}

// orderDiscount is what the order's discount goes beyond the discounts of its lines: shops tell the sum of both.
func orderDiscount(d *orderv1.Description) int64 {
	rest := d.GetTotals().GetDiscount().GetMinorUnits()
	for _, l := range d.GetLines() {
		rest -= l.GetDiscount().GetMinorUnits()
	}
	return max(rest, 0)
}

func times(price, quantity int64) (int64, bool) {
	if price < 0 || quantity < 0 {
		return 0, price == 0 || quantity == 0
	}
	hi, lo := bits.Mul64(uint64(price), uint64(quantity))
	const limit = 1 << 63
	return int64(lo), hi == 0 && lo < limit //nolint:gosec // only used where it fits
}
