package paypal

import (
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// The steps, under shorter names.
const (
	authorized = intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED
	captured   = intakev1.PaymentStep_PAYMENT_STEP_CAPTURED
	failed     = intakev1.PaymentStep_PAYMENT_STEP_FAILED
	voided     = intakev1.PaymentStep_PAYMENT_STEP_VOIDED
)

// keep is how much of a provider's word is kept.
const keep = 200

func (x *reading) authorized() {
	var r resource
	if x.object(&r) && r.status() != "PENDING" {
		x.paid(&r, authorized)
	}
}

func (x *reading) voided() {
	var r resource
	if x.object(&r) {
		x.paid(&r, voided)
	}
}

func (x *reading) captured() {
	var r resource
	if x.object(&r) {
		x.paid(&r, captured)
	}
}

func (x *reading) denied() {
	var r resource
	if x.object(&r) {
		x.paid(&r, failed)
	}
}

func (x *reading) refunded() {
	var r resource
	if x.object(&r) {
		x.back(&r)
	}
}

// completed tells of everything that became of an order. Most of it was told by itself, under the same ids.
func (x *reading) completed() {
	var o order
	if !x.object(&o) {
		return
	}
	id := o.ID
	if len(o.Units) > 1 { // each is paid for by itself: the order's id would make one payment of them
		id = ""
	}
	for n := range o.Units {
		u := &o.Units[n]
		of := func(r *resource) *resource {
			r.CustomID, r.InvoiceID = first(r.CustomID, u.CustomID), first(r.InvoiceID, u.InvoiceID)
			r.Supplementary.Related.OrderID = first(r.Supplementary.Related.OrderID, id)
			return r
		}
		for m := range u.Payments.Authorizations {
			x.part(of(&u.Payments.Authorizations[m]), authorizations)
		}
		for m := range u.Payments.Captures {
			x.part(of(&u.Payments.Captures[m]), captures)
		}
		for m := range u.Payments.Refunds {
			x.back(&u.Payments.Refunds[m])
		}
	}
}

// What the statuses of an order's authorizations and captures mean. A pending one means nothing yet.
var (
	authorizations = map[string]intakev1.PaymentStep{
		"CREATED": authorized, "CAPTURED": authorized, "PARTIALLY_CAPTURED": authorized, "VOIDED": voided, "DENIED": failed, "PENDING": 0,
	}
	captures = map[string]intakev1.PaymentStep{
		"COMPLETED": captured, "REFUNDED": captured, "PARTIALLY_REFUNDED": captured, "DECLINED": failed, "FAILED": failed, "PENDING": 0,
	}
)

func (x *reading) part(r *resource, meanings map[string]intakev1.PaymentStep) {
	step, known := meanings[r.status()]
	switch {
	case !known:
		x.trouble.Bad("the status of an authorization or a capture", "is none that we know")
	case step != 0:
		x.paid(r, step)
	}
}

func (r *resource) status() string { return strings.ToUpper(first(r.Status, r.State).String()) }

// number is the order's number in whichever field it stands.
func (r *resource) number() source.Scalar {
	return first(r.CustomID, r.InvoiceID, r.Custom, r.InvoiceNumber)
}

// paid tells of an authorization or a capture. There may be several captures of one payment, so each is told by its id.
func (x *reading) paid(r *resource, step intakev1.PaymentStep) {
	related := r.Supplementary.Related
	id := x.named(r.ID)
	if len(id) == 0 {
		x.trouble.Missing("resource.id")
		return
	}
	names := x.named(first(related.OrderID, up(r.Links, "orders"), r.ParentPayment), first(related.AuthorizationID, up(r.Links, "authorizations")), r.ID)
	p := &intakev1.PaymentReported{Step: step, Names: names, Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: name}
	if step == captured {
		p.MovementId = id[0]
	}
	if step == failed {
		p.FailureCode = source.Clean(first(r.StatusDetails.Reason, r.ReasonCode).String(), keep)
	}
	var ok bool
	if p.Amount, ok = x.money("resource.amount", r.Amount); ok {
		f := &intakev1.Fact{Body: &intakev1.Fact_PaymentReported{PaymentReported: p}}
		if step != voided {
			f.OccurredAt = source.Time(r.CreateTime.String())
		}
		x.began(r.number(), names, f)
	}
}

// back tells of a refund. It names its capture in a link.
func (x *reading) back(r *resource) {
	id, names := x.named(r.ID), x.named(r.origin())
	if len(id) == 0 {
		x.trouble.Missing("resource.id")
		return
	}
	amount, ok := x.money("resource.amount", r.Amount.positive())
	if !ok {
		return
	}
	x.went(r.number(), names, &intakev1.Fact{Body: &intakev1.Fact_RefundReported{RefundReported: &intakev1.RefundReported{
		Step: x.refundStep(r.status()), Amount: amount, Names: names, RefundId: id[0], Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: name,
		Reason: source.Clean(first(r.StatusDetails.Reason, r.ReasonCode).String(), keep),
	}}})
}

// origin is the capture or sale that money came from.
func (r *resource) origin() source.Scalar {
	return first(up(r.Links, "captures"), r.Supplementary.Related.CaptureID, r.SaleID, up(r.Links, "sale"))
}

// refundStep is how far a refund came: by its status, and where that is silent by what the event tells.
func (x *reading) refundStep(status string) intakev1.RefundStep {
	if status == "" {
		_, status, _ = strings.Cut(strings.TrimPrefix(x.event.Type.String(), "PAYMENT."), ".")
	}
	switch status {
	case "COMPLETED", "REFUNDED":
		return intakev1.RefundStep_REFUND_STEP_SETTLED
	case "FAILED", "CANCELLED":
		return intakev1.RefundStep_REFUND_STEP_FAILED
	case "PENDING":
	default:
		x.trouble.Bad("the refund's status", "is none that we know; it counts as pending")
	}
	return intakev1.RefundStep_REFUND_STEP_PENDING
}

// positive is the amount without the sign that the first version of the API writes before what goes back.
func (a amount) positive() amount {
	a.Value, a.Total = source.Scalar(strings.TrimPrefix(a.Value.String(), "-")), source.Scalar(strings.TrimPrefix(a.Total.String(), "-"))
	return a
}
