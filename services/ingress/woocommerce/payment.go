package woocommerce

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// later are ways to pay that bring no money when the order is placed; WooCommerce dates the payment when it is there.
var later = []string{"", "cod", "bacs", "cheque"}

// paid tells what the shop says of the payment: under the payment's name where Stripe made it, so that it is known as
// the one that Stripe itself reports; as the bare word that it is paid otherwise.
func (r *reader) paid(o *order, p purse, key *typev1.OrderKey, at *timestamppb.Timestamp) {
	total, names := p.read("total", o.Total), o.stripeNames()
	if total <= 0 {
		return
	}
	step, occurred := o.step(), at
	if o.PaidGMT.String() != "" && step == intakev1.PaymentStep_PAYMENT_STEP_CAPTURED {
		occurred = r.when(o.PaidGMT, o.ModifiedGMT)
	}
	switch {
	case step == intakev1.PaymentStep_PAYMENT_STEP_UNSPECIFIED:
	case len(names) > 0:
		r.tell(&intakev1.Fact{Order: key, References: names, OccurredAt: occurred, Body: &intakev1.Fact_PaymentReported{PaymentReported: &intakev1.PaymentReported{
			Step: step, Amount: p.money(total), Names: names, Witness: intakev1.Witness_WITNESS_SHOP, Provider: "stripe",
		}}})
	case step == intakev1.PaymentStep_PAYMENT_STEP_CAPTURED:
		r.tell(&intakev1.Fact{Order: key, OccurredAt: at, Body: &intakev1.Fact_PaidClaimed{PaidClaimed: &intakev1.PaidClaimed{
			Amount: p.money(total), Provider: o.provider(),
		}}})
	}
}

// step is how far the shop says the payment came.
func (o *order) step() intakev1.PaymentStep {
	status := o.Status.String()
	switch {
	case gmt(o.PaidGMT) != nil,
		(status == statusProcessing || status == statusCompleted) && !slices.Contains(later, o.Method.String()):
		return intakev1.PaymentStep_PAYMENT_STEP_CAPTURED
	case status == statusFailed:
		return intakev1.PaymentStep_PAYMENT_STEP_FAILED
	case o.meta("_stripe_charge_captured") == "no" && status == "on-hold":
		return intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED
	}
	return intakev1.PaymentStep_PAYMENT_STEP_UNSPECIFIED
}

func (o *order) provider() string {
	if m := clean(o.Method); m != "" {
		return m
	}
	return name
}

// stripeNames are the payment intent and the charge, where the gateway is one of those that pay through Stripe: they
// keep one as the transaction, and the other, or both, beside it.
func (o *order) stripeNames() []string {
	method := strings.ToLower(o.Method.String())
	if !strings.Contains(method, "stripe") && !strings.HasPrefix(method, "woocommerce_payments") {
		return nil
	}
	var names []string
	for _, id := range []string{o.Transaction.String(), o.meta("_stripe_intent_id"), o.meta("_intent_id"), o.meta("_charge_id")} {
		if n := source.StripeName(id); n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func (o *order) meta(key string) string {
	for _, m := range o.Meta {
		if m.Key.String() == key {
			return m.Value.String()
		}
	}
	return ""
}

// refunds tells what went back. The order tells all of its refunds each time, so each has its own id and no name of a
// payment: the transaction may become known in between, and a refund under two names would count twice.
func (r *reader) refunds(o *order, p purse, key *typev1.OrderKey, at *timestamppb.Timestamp) {
	for i, rf := range o.Refunds {
		field := fmt.Sprintf("refunds[%d].", i)
		id := r.trouble.ID(field+"id", rf.ID)
		if rf.Total.String() == "" {
			r.trouble.Missing(field + "total")
		}
		minor := p.read(field+"total", rf.Total)
		if minor < 0 {
			minor = -minor // told as what the order loses
		}
		if id != "" && minor > 0 {
			r.refunded(o, key, at, p.money(minor), "woocommerce:refund:"+id, plain(rf.Reason))
		}
	}
	total := p.read("total", o.Total)
	if o.Status.String() == statusRefunded && len(o.Refunds) == 0 && total > 0 {
		r.refunded(o, key, at, p.money(total), "", "")
	}
}

func (r *reader) refunded(o *order, key *typev1.OrderKey, at *timestamppb.Timestamp, amount *typev1.Money, id, reason string) {
	r.tell(&intakev1.Fact{Order: key, OccurredAt: at, Body: &intakev1.Fact_RefundReported{RefundReported: &intakev1.RefundReported{
		Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Amount: amount, RefundId: id, Witness: intakev1.Witness_WITNESS_SHOP,
		Provider: o.provider(), Reason: reason,
	}}})
}
