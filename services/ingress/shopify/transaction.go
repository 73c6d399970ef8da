package shopify

import (
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

const kindRefund = "refund"

// steps says how far a successful transaction of a kind brings its payment.
var steps = map[string]intakev1.PaymentStep{
	"authorization":     intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED,
	"emv_authorization": intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED,
	"capture":           intakev1.PaymentStep_PAYMENT_STEP_CAPTURED,
	"sale":              intakev1.PaymentStep_PAYMENT_STEP_CAPTURED,
	"void":              intakev1.PaymentStep_PAYMENT_STEP_VOIDED,
}

// transaction reads one movement of money, or the attempt at one.
func (r *reader) transaction() {
	var t transaction
	if !r.decode(&t) {
		return
	}
	r.test(t.Test)
	key := r.parent(t.OrderID)
	if key == nil {
		return
	}
	if t.Kind.String() == kindRefund {
		r.givenBack(key, &t, "", "")
		return
	}
	step, known := steps[t.Kind.String()]
	switch {
	case t.Kind.String() == "":
		r.trouble.Missing("kind")
		return
	case t.Kind.String() == "change":
		return // what a till gave back over the counter was never taken
	case !known:
		r.trouble.Bad("kind", "is none that we know")
		return
	}
	switch t.Status.String() {
	case "success":
	case "failure", "error":
		step = intakev1.PaymentStep_PAYMENT_STEP_FAILED
	case "pending", "awaiting_response":
		return // it comes again when it is decided
	default:
		r.trouble.Bad("status", "is none that we know")
		return
	}
	r.payment(key, &t, step)
}

func (r *reader) payment(key *typev1.OrderKey, t *transaction, step intakev1.PaymentStep) {
	amount, names, id := r.amount(t, ""), r.names(t), r.trouble.ID("id", t.ID)
	if r.trouble.Quarantine() != nil {
		return
	}
	report := &intakev1.PaymentReported{
		Step: step, Amount: amount, Names: names, MovementId: txName(id), Witness: intakev1.Witness_WITNESS_SHOP,
		Provider: clean(t.Gateway), FailureCode: clean(t.ErrorCode),
	}
	r.tell(&intakev1.Fact{Order: key, References: names, OccurredAt: r.moved(t), Body: &intakev1.Fact_PaymentReported{PaymentReported: report}})
}

// refund reads a refund. Its money is in its transactions: the lines say what it was for, and may come to more or less.
func (r *reader) refund() {
	var rf refund
	if !r.decode(&rf) {
		return
	}
	if key := r.parent(rf.OrderID); key != nil {
		r.refunded(key, &rf, rf.currency())
	}
}

// refunded tells every refund transaction. The currency is what the rest of the resource is in, for those that tell none.
func (r *reader) refunded(key *typev1.OrderKey, rf *refund, currency string) {
	for i := range rf.Transactions {
		t := &rf.Transactions[i]
		r.test(t.Test)
		if t.Kind.String() == kindRefund {
			r.givenBack(key, t, clean(rf.Note), currency)
		}
	}
}

// givenBack tells one refund transaction. The same one comes with the refund, as a transaction and with the order: it
// has one id, the transaction's, and the same names each time, so that it counts once.
func (r *reader) givenBack(key *typev1.OrderKey, t *transaction, reason, currency string) {
	var step intakev1.RefundStep
	switch t.Status.String() {
	case "success":
		step = intakev1.RefundStep_REFUND_STEP_SETTLED
	case "pending", "awaiting_response":
		step = intakev1.RefundStep_REFUND_STEP_PENDING
	case "failure", "error":
		step = intakev1.RefundStep_REFUND_STEP_FAILED
	default:
		r.trouble.Bad("status", "of a refund is none that we know")
		return
	}
	amount, names, id := r.amount(t, currency), r.names(t), r.trouble.ID("id", t.ID)
	if amount == nil || id == "" {
		return
	}
	r.tell(&intakev1.Fact{Order: key, References: names, OccurredAt: r.moved(t), Body: &intakev1.Fact_RefundReported{RefundReported: &intakev1.RefundReported{
		Step: step, Amount: amount, Names: names, RefundId: txName(id), Witness: intakev1.Witness_WITNESS_SHOP,
		Provider: clean(t.Gateway), Reason: reason,
	}}})
}

// parent names the order that something is about; without one there is nowhere to put it.
func (r *reader) parent(orderID text) *typev1.OrderKey {
	if orderID.String() == "" {
		r.trouble.Add(source.NoReference, "order_id is missing")
		return nil
	}
	return r.key("order_id", orderID)
}

// amount is the transaction's, in its own currency or else in that of what it belongs to.
func (r *reader) amount(t *transaction, otherwise string) *typev1.Money {
	currency := t.currency()
	if currency == "" {
		currency = otherwise
	}
	switch {
	case t.Amount.String() == "":
		r.trouble.Missing("amount")
		return nil
	case currency == "" && t.Currency.String() == "":
		r.trouble.Missing("currency")
		return nil
	case currency == "":
		r.trouble.Bad("currency", "is no code of three letters")
		return nil
	}
	m, err := source.Money(t.Amount, currency)
	switch {
	case err != nil:
		r.trouble.Bad("amount", source.Why(err))
		return nil
	case m.GetMinorUnits() < 0:
		r.trouble.Bad("amount", "is negative")
		return nil
	}
	return m
}

// currency is the one that the customer pays in.
func (t *transaction) currency() string {
	if c := source.Currency(t.Currency.String()); c != "" {
		return c
	}
	return t.Unsettled.presentment()
}

// currency is that of a refund's own amounts.
func (rf *refund) currency() string {
	for i := range rf.Lines {
		if c := rf.Lines[i].SubtotalSet.presentment(); c != "" {
			return c
		}
	}
	return rf.DutiesSet.presentment()
}

// presentment is the currency of the customer's side; XXX is the code for none.
func (s *priceSet) presentment() string {
	if s == nil {
		return ""
	}
	for _, told := range []text{s.Presentment.Code, s.Presentment.Currency} {
		if c := source.Currency(told.String()); c != "" && c != "XXX" {
			return c
		}
	}
	return ""
}

func (r *reader) moved(t *transaction) *timestamppb.Timestamp {
	return r.when(t.ProcessedAt, t.CreatedAt)
}

func txName(id string) string { return "shopify:tx:" + id }

// names are all names of the payment that the transaction belongs to: its own, that of the transaction which it goes
// on from, and the payment provider's. A failed attempt has nothing of the one before: that payment has not failed.
func (r *reader) names(t *transaction) []string {
	var names []string
	add := func(n string) {
		for _, have := range names {
			if have == n {
				return
			}
		}
		names = append(names, n)
	}
	if id := r.trouble.ID("id", t.ID); id != "" {
		add(txName(id))
	}
	failed := t.Status.String() == "failure" || t.Status.String() == "error"
	if parent := t.ParentID.String(); parent != "" && (!failed || t.Kind.String() == kindRefund) {
		if id := r.trouble.ID("parent_id", t.ParentID); id != "" {
			add(txName(id))
		}
	}
	if gateway := strings.ToLower(t.Gateway.String()); strings.Contains(gateway, "stripe") || gateway == "shopify_payments" {
		for _, n := range stripeNames(t) {
			add(n)
		}
	}
	return names
}

// stripeNames finds the payment intent and the charge in what Stripe answered to the shop. Receipts come in the shapes
// of all of Stripe's API versions.
func stripeNames(t *transaction) []string {
	var receipt struct {
		ID            json.RawMessage `json:"id"`
		PaymentIntent json.RawMessage `json:"payment_intent"`
		IntentID      json.RawMessage `json:"payment_intent_id"`
		Charge        json.RawMessage `json:"charge"`
		LatestCharge  json.RawMessage `json:"latest_charge"`
		Charges       struct {
			Data []json.RawMessage `json:"data"`
		} `json:"charges"`
	}
	_ = json.Unmarshal(t.Receipt, &receipt) // a receipt of another shape has no names for us
	told := []json.RawMessage{receipt.ID, receipt.PaymentIntent, receipt.IntentID, receipt.Charge, receipt.LatestCharge}
	told = append(told, receipt.Charges.Data...)
	ids := []string{t.Authorization.String(), t.PaymentID.String()}
	for _, raw := range told {
		ids = append(ids, idOf(raw))
	}
	var names []string
	for _, id := range ids {
		if n := source.StripeName(id); n != "" {
			names = append(names, n)
		}
	}
	return names
}

// idOf is the id in "ch_1" or in {"id": "ch_1"}.
func idOf(raw json.RawMessage) string {
	var id text
	var object struct {
		ID text `json:"id"`
	}
	switch {
	case len(raw) == 0:
		return ""
	case raw[0] == '{':
		_ = json.Unmarshal(raw, &object) // no id, no name
		return object.ID.String()
	}
	_ = json.Unmarshal(raw, &id) // no id, no name
	return id.String()
}
