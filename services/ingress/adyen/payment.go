package adyen

import (
	"errors"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// authorised tells of an attempt to pay. An account that captures by itself is told of nothing else.
func (x *reading) authorised(i *item) {
	p := &intakev1.PaymentReported{
		Step: intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED, Country: source.Country(first(i.More["cardIssuingCountry"], i.More["issuerCountry"]).String()), RiskLevel: i.risk(),
	}
	switch value, _ := i.Amount.Value.Int(); {
	case !i.ok():
		p.Step, p.FailureCode = intakev1.PaymentStep_PAYMENT_STEP_FAILED, source.Clean(i.Reason.String(), keep)
	case value == 0 && i.Amount.Value.String() != "":
		return // a card was looked at, to be charged another time
	case x.account.AutoCapture:
		p.Step = intakev1.PaymentStep_PAYMENT_STEP_CAPTURED
	}
	x.paid(i, p, i.PSPReference, x.began)
}

// adjusted tells of another amount that may be taken.
func (x *reading) adjusted(i *item) {
	if i.ok() {
		x.paid(i, &intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED}, i.payment(), x.went)
	}
}

// captured tells of money that was taken. There may be several captures of one payment, so each is told by its id.
func (x *reading) captured(i *item) {
	if !i.ok() {
		return // it can be tried again: the authorisation stands
	}
	if id := x.named(i.PSPReference); id != nil {
		x.paid(i, &intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, MovementId: id[0]}, i.payment(), x.went)
	}
}

// cancelled tells of an authorisation that nobody can capture any more. Where it counted as captured, it went back.
func (x *reading) cancelled(i *item) {
	switch {
	case !i.ok():
	case x.account.AutoCapture:
		x.back(i, intakev1.RefundStep_REFUND_STEP_SETTLED)
	default:
		x.paid(i, &intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_VOIDED}, i.payment(), x.went)
	}
}

// offerClosed tells of a customer who did not pay in time.
func (x *reading) offerClosed(i *item) {
	if i.ok() {
		x.paid(i, &intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_FAILED, FailureCode: "offer_closed"}, i.PSPReference, x.began)
	}
}

func (x *reading) cancelledOrRefunded(i *item) {
	switch i.More["modification.action"].String() {
	case "cancel":
		x.cancelled(i)
	case "refund":
		x.refunded(i)
	case "":
		if i.ok() {
			x.trouble.Missing("additionalData.modification.action")
		}
	default:
		x.trouble.Bad("additionalData.modification.action", "is neither cancel nor refund")
	}
}

// refunded tells of money that went back, or of a refund that was refused.
func (x *reading) refunded(i *item) {
	if !i.ok() {
		x.refundFailed(i)
		return
	}
	x.back(i, intakev1.RefundStep_REFUND_STEP_SETTLED)
}

// postponedRefund tells of a refund that waits for its payment to be captured.
func (x *reading) postponedRefund(i *item) {
	if i.ok() {
		x.back(i, intakev1.RefundStep_REFUND_STEP_PENDING)
	}
}

// refundFailed tells that money did not arrive, or came back. It has the id of the refund.
func (x *reading) refundFailed(i *item) { x.back(i, intakev1.RefundStep_REFUND_STEP_FAILED) }

// keep is how much of a provider's word is kept.
const keep = 200

type teller func(i *item, names []string, f *intakev1.Fact)

func (x *reading) paid(i *item, p *intakev1.PaymentReported, of source.Scalar, tell teller) {
	p.Names, p.Witness, p.Provider = x.named(of), intakev1.Witness_WITNESS_PROVIDER, name
	var ok bool
	if p.Amount, ok = x.amount(i); ok && p.Names != nil {
		tell(i, p.Names, &intakev1.Fact{Body: &intakev1.Fact_PaymentReported{PaymentReported: p}})
	}
}

func (x *reading) back(i *item, step intakev1.RefundStep) {
	id := x.named(i.PSPReference)
	amount, ok := x.amount(i)
	if !ok || id == nil {
		return
	}
	r := &intakev1.RefundReported{
		Step: step, Amount: amount, RefundId: id[0], Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: name, Reason: source.Clean(i.Reason.String(), keep),
	}
	if i.OriginalReference.String() != "" {
		r.Names = x.named(i.OriginalReference)
	}
	x.went(i, r.Names, &intakev1.Fact{Body: &intakev1.Fact_RefundReported{RefundReported: r}})
}

// amount reads Adyen's integer and its currency. A currency that nobody knows is recorded as it was told.
func (x *reading) amount(i *item) (*typev1.Money, bool) {
	code := source.Currency(i.Amount.Currency.String())
	n, ok := i.Amount.Value.Int()
	switch {
	case code == "":
		x.trouble.Missing("amount.currency")
		return nil, false
	case i.Amount.Value.String() == "":
		x.trouble.Missing("amount.value")
		return nil, false
	case !ok:
		x.trouble.Bad("amount.value", "is not a whole number of 64 bits")
		return nil, false
	}
	exact, err := money.FromAdyen(n, code)
	if err != nil && !errors.Is(err, money.ErrUnknownCurrency) {
		x.trouble.Bad("amount.value", source.Why(err))
		return nil, false
	}
	return exact.Proto(), true
}

// risk is what Adyen's risk engine found, in our words.
func (i *item) risk() string {
	switch {
	case i.More["fraudResultType"].String() == "FRAUD":
		return "highest"
	case i.More["fraudManualReview"].String() == "true":
		return "elevated"
	case i.More["fraudResultType"].String() == "GREEN":
		return "normal"
	}
	return ""
}
