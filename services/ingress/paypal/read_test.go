package paypal

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var account = source.Account{Name: "default", Mode: source.Both, Shop: source.ShopKey{Source: "checkout", Account: "default"}}

func readFor(a source.Account, body string) source.Reading {
	return New().Read(source.Request{Header: http.Header{}, Body: []byte(body), ReceivedAt: now.Add(time.Minute)}, a)
}

func read(body string) source.Reading { return readFor(account, body) }

func about(kind, resource string) string {
	return fmt.Sprintf(`{"id":"WH-1","event_type":%q,"create_time":"2026-03-01T12:00:00Z","resource":%s}`, kind, resource)
}

func file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(data)
}

// told is a fact in one line.
func told(f *intakev1.Fact) string {
	switch b := f.GetBody().(type) {
	case *intakev1.Fact_PaymentReported:
		p := b.PaymentReported
		what := word(p.GetStep().String(), "PAYMENT_STEP_") + sum(p.GetAmount()) + " " + strings.Join(p.GetNames(), " ")
		if p.GetMovementId() != "" {
			what += " as " + p.GetMovementId()
		}
		return what + maybe(p.GetFailureCode())
	case *intakev1.Fact_RefundReported:
		r := b.RefundReported
		return "refund " + word(r.GetStep().String(), "REFUND_STEP_") + sum(r.GetAmount()) + " " + strings.Join(r.GetNames(), " ") + " as " + r.GetRefundId() + maybe(r.GetReason())
	case *intakev1.Fact_DisputeReported:
		d := b.DisputeReported
		return "dispute " + word(d.GetStep().String(), "DISPUTE_STEP_") + sum(d.GetAmount()) + " " + strings.Join(d.GetNames(), " ") + " as " + d.GetDisputeId() + maybe(d.GetReason())
	}
	return ""
}

func word(step, prefix string) string { return strings.ToLower(strings.TrimPrefix(step, prefix)) + " " }

func maybe(s string) string {
	if s == "" {
		return ""
	}
	return ", " + s
}

func sum(m *typev1.Money) string { return fmt.Sprintf("%d %s", m.GetMinorUnits(), m.GetCurrency()) }

func TestACapture(t *testing.T) {
	t.Parallel()
	got := read(file(t, "capture_completed.json"))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, "PAYMENT.CAPTURE.COMPLETED", got.Topic)
	assert.Equal(t, "WH-58D329510W468432D-8HN650336L201105X", got.DeliveryID)
	assert.False(t, got.Test)
	require.Len(t, got.Facts, 1)
	f, names := got.Facts[0], []string{"paypal:1AB234567A1234567", "paypal:7W5147081L658180V", "paypal:27M47624FP291604U"}
	want := &intakev1.PaymentReported{
		Step: captured, Amount: &typev1.Money{MinorUnits: 4990, Currency: "EUR"}, Names: names, MovementId: "paypal:27M47624FP291604U",
		Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: "paypal",
	}
	assert.True(t, proto.Equal(want, f.GetPaymentReported()), f)
	assert.Equal(t, append([]string{"number:checkout:default:1001"}, names...), f.GetReferences())
	assert.True(t, proto.Equal(&typev1.OrderKey{Source: "checkout", Account: "default", Id: "1001"}, f.GetOrder()))
	assert.Equal(t, now, f.GetOccurredAt().AsTime())
}

// A capture is told alone and with its order: as the same movement at the same time.
func TestAnOrderRepeatsWhatWasTold(t *testing.T) {
	t.Parallel()
	alone, order := read(file(t, "capture_completed.json")), read(file(t, "order_completed.json"))
	require.Nil(t, order.Quarantine)
	require.Len(t, order.Facts, 1, "a pending capture is none yet")
	a, b := alone.Facts[0].GetPaymentReported(), order.Facts[0].GetPaymentReported()
	assert.Equal(t, "captured 4990 EUR paypal:1AB234567A1234567 paypal:27M47624FP291604U as paypal:27M47624FP291604U", told(order.Facts[0]))
	assert.Equal(t, a.GetMovementId(), b.GetMovementId())
	assert.True(t, proto.Equal(alone.Facts[0].GetOccurredAt(), order.Facts[0].GetOccurredAt()))
	assert.True(t, proto.Equal(alone.Facts[0].GetOrder(), order.Facts[0].GetOrder()))
}

func TestARefundIsAboutItsCapture(t *testing.T) {
	t.Parallel()
	got := read(file(t, "capture_refunded.json"))
	require.Nil(t, got.Quarantine)
	require.Len(t, got.Facts, 1)
	assert.Equal(t, "refund settled 1000 EUR paypal:27M47624FP291604U as paypal:1JU08902781691411", told(got.Facts[0]))
	assert.Nil(t, got.Facts[0].GetOrder(), "the refund's number may be its own")
	assert.Equal(t, []string{"paypal:27M47624FP291604U", "number:checkout:default:RETURN-17"}, got.Facts[0].GetReferences())
}

func TestADisputeIsKnownByItsCapture(t *testing.T) {
	t.Parallel()
	got := read(file(t, "dispute_created.json"))
	require.Nil(t, got.Quarantine)
	require.Len(t, got.Facts, 1)
	assert.Equal(t, "dispute opened 4990 EUR paypal:27M47624FP291604U as paypal:27M47624FP291604U, MERCHANDISE_OR_SERVICE_NOT_RECEIVED (PP-000-042-663-135)", told(got.Facts[0]))
	assert.Equal(t, []string{"paypal:27M47624FP291604U", "number:checkout:default:1001"}, got.Facts[0].GetReferences())
	assert.NotContains(t, got.Facts[0].String(), "Ada")
}

func TestTheNumberOfAnotherShopLeadsToItsOrder(t *testing.T) {
	t.Parallel()
	a := account
	a.Shop = source.ShopKey{Source: "woocommerce", Account: "eu"}
	f := readFor(a, about("PAYMENT.CAPTURE.COMPLETED", `{"id":"C1","amount":{"currency_code":"EUR","value":"1.00"},"custom_id":"","invoice_id":" #77 "}`)).Facts[0]
	assert.Nil(t, f.GetOrder())
	assert.Equal(t, []string{"number:woocommerce:eu:77", "paypal:C1"}, f.GetReferences())
}

func TestEveryType(t *testing.T) {
	t.Parallel()
	const eur = `"amount":{"currency_code":"EUR","value":"49.90"}`
	const of = `,"links":[{"rel":"self","href":"https://api.paypal.com/v2/payments/captures/no"},{"rel":"up","href":"https://api.paypal.com/v2/payments/captures/C1"}]`
	dispute := func(rest string) string {
		return `{"dispute_id":"PP-D-1","reason":"UNAUTHORISED","dispute_amount":{"currency_code":"EUR","value":"49.90"},"disputed_transactions":[{"seller_transaction_id":"C1"}],` + rest + `}`
	}
	for _, c := range []struct{ kind, resource, want string }{
		{"PAYMENT.AUTHORIZATION.CREATED", `{"id":"A1","status":"CREATED",` + eur + `,"supplementary_data":{"related_ids":{"order_id":"O1"}}}`, "authorized 4990 EUR paypal:O1 paypal:A1"},
		{"PAYMENT.AUTHORIZATION.CREATED", `{"id":"A1","status":"PENDING",` + eur + `}`, ""},
		{"PAYMENT.AUTHORIZATION.CREATED", `{"id":"A1",` + eur + `,"links":[{"rel":"up","href":"https://api.paypal.com/v2/checkout/orders/O1"}]}`, "authorized 4990 EUR paypal:O1 paypal:A1"},
		{"PAYMENT.AUTHORIZATION.VOIDED", `{"id":"A1","status":"VOIDED",` + eur + `}`, "voided 4990 EUR paypal:A1"},
		{"PAYMENT.CAPTURE.COMPLETED", `{"id":"C1",` + eur + `,"links":[{"rel":"up","href":"https://api.paypal.com/v2/payments/authorizations/A1"}]}`, "captured 4990 EUR paypal:A1 paypal:C1 as paypal:C1"},
		{"PAYMENT.CAPTURE.PENDING", `{"id":"C1",` + eur + `}`, ""},
		{"PAYMENT.CAPTURE.DENIED", `{"id":"C1",` + eur + `,"status_details":{"reason":"PAYER_ACTION_REQUIRED"}}`, "failed 4990 EUR paypal:C1, PAYER_ACTION_REQUIRED"},
		{"PAYMENT.CAPTURE.DECLINED", `{"id":"C1",` + eur + `}`, "failed 4990 EUR paypal:C1"},
		{"PAYMENT.CAPTURE.REFUNDED", `{"id":"R1",` + eur + of + `}`, "refund settled 4990 EUR paypal:C1 as paypal:R1"},
		{"PAYMENT.CAPTURE.REFUNDED", `{"id":"R1","status":"PENDING",` + eur + of + `}`, "refund pending 4990 EUR paypal:C1 as paypal:R1"},
		{"PAYMENT.REFUND.PENDING", `{"id":"R1",` + eur + of + `}`, "refund pending 4990 EUR paypal:C1 as paypal:R1"},
		{"PAYMENT.REFUND.COMPLETED", `{"id":"R1",` + eur + of + `}`, "refund settled 4990 EUR paypal:C1 as paypal:R1"},
		{"PAYMENT.REFUND.FAILED", `{"id":"R1",` + eur + of + `}`, "refund failed 4990 EUR paypal:C1 as paypal:R1"},
		{"PAYMENT.CAPTURE.REFUNDED", `{"id":"R1","status":"CANCELLED",` + eur + of + `}`, "refund failed 4990 EUR paypal:C1 as paypal:R1"},
		{"PAYMENT.CAPTURE.REVERSED", `{"id":"R1",` + eur + of + `}`, "dispute lost 4990 EUR paypal:C1 as paypal:C1, reversed"},
		{"PAYMENT.CAPTURE.REVERSED", `{"id":"C1","status":"COMPLETED",` + eur + `,"status_details":{"reason":"CHARGEBACK"}}`, "dispute lost 4990 EUR paypal:C1 as paypal:C1, CHARGEBACK"},
		{"CHECKOUT.ORDER.APPROVED", `{"id":"O1"}`, ""},
		{"CHECKOUT.PAYMENT-APPROVAL.REVERSED", `{"id":"O1"}`, ""},
		{"CHECKOUT.ORDER.COMPLETED", `{"id":"O1","purchase_units":[{"invoice_id":"7","payments":{"authorizations":[{"id":"A1","status":"CAPTURED",` + eur + `}]}}]}`, "authorized 4990 EUR paypal:O1 paypal:A1"},
		{"CHECKOUT.ORDER.COMPLETED", `{"id":"O1","purchase_units":[{"payments":{"captures":[{"id":"C1","status":"DECLINED",` + eur + `}]}}]}`, "failed 4990 EUR paypal:O1 paypal:C1"},
		{"CHECKOUT.ORDER.COMPLETED", `{"id":"O1","purchase_units":[{"payments":{"refunds":[{"id":"R1","status":"COMPLETED",` + eur + of + `}]}}]}`, "refund settled 4990 EUR paypal:C1 as paypal:R1"},
		{"CHECKOUT.ORDER.COMPLETED", `{"id":"O1","purchase_units":[{"payments":{"captures":[{"id":"C1","status":"COMPLETED",` + eur + `}]}},{}]}`, "captured 4990 EUR paypal:C1 as paypal:C1"},
		{"PAYMENT.SALE.COMPLETED", `{"id":"S1","state":"completed","amount":{"total":"49.90","currency":"EUR"},"parent_payment":"PAY-1","custom":"1001"}`, "captured 4990 EUR paypal:PAY-1 paypal:S1 as paypal:S1"},
		{"PAYMENT.SALE.DENIED", `{"id":"S1","amount":{"total":"49.90","currency":"EUR"},"reason_code":"X"}`, "failed 4990 EUR paypal:S1, X"},
		{"PAYMENT.SALE.REFUNDED", `{"id":"R1","state":"completed","amount":{"total":"-49.90","currency":"EUR"},"sale_id":"S1"}`, "refund settled 4990 EUR paypal:S1 as paypal:R1"},
		{"PAYMENT.SALE.REVERSED", `{"id":"R1","amount":{"total":"-49.90","currency":"EUR"},"sale_id":"S1"}`, "dispute lost 4990 EUR paypal:S1 as paypal:S1, reversed"},
		{"CUSTOMER.DISPUTE.CREATED", dispute(`"status":"OPEN","dispute_life_cycle_stage":"INQUIRY"`), "dispute warning 4990 EUR paypal:C1 as paypal:C1, UNAUTHORISED (PP-D-1)"},
		{"CUSTOMER.DISPUTE.UPDATED", dispute(`"status":"UNDER_REVIEW","dispute_life_cycle_stage":"ARBITRATION"`), "dispute opened 4990 EUR paypal:C1 as paypal:C1, UNAUTHORISED (PP-D-1)"},
		{"CUSTOMER.DISPUTE.UPDATED", dispute(`"status":"RESOLVED","dispute_outcome":{"outcome_code":"DENIED"}`), "dispute won 4990 EUR paypal:C1 as paypal:C1, UNAUTHORISED (PP-D-1)"},
		{"CUSTOMER.DISPUTE.RESOLVED", dispute(`"dispute_outcome":{"outcome_code":"RESOLVED_BUYER_FAVOUR","amount_refunded":{"currency_code":"EUR","value":"20.00"}}`), "dispute lost 2000 EUR paypal:C1 as paypal:C1, UNAUTHORISED (PP-D-1)"},
		{"CUSTOMER.DISPUTE.RESOLVED", dispute(`"dispute_outcome":{"outcome_code":"ACCEPTED"}`), "dispute lost 4990 EUR paypal:C1 as paypal:C1, UNAUTHORISED (PP-D-1)"},
		{"CUSTOMER.DISPUTE.RESOLVED", dispute(`"dispute_outcome":{"outcome_code":"RESOLVED_SELLER_FAVOUR"}`), "dispute won 4990 EUR paypal:C1 as paypal:C1, UNAUTHORISED (PP-D-1)"},
		{"CUSTOMER.DISPUTE.RESOLVED", dispute(`"dispute_outcome":{"outcome_code":"CANCELED_BY_BUYER"}`), "dispute won 4990 EUR paypal:C1 as paypal:C1, UNAUTHORISED (PP-D-1)"},
		{"CUSTOMER.DISPUTE.RESOLVED", dispute(`"dispute_outcome":{"outcome_code":"RESOLVED_WITH_PAYOUT"}`), "dispute won 4990 EUR paypal:C1 as paypal:C1, UNAUTHORISED (PP-D-1)"},
		{"CUSTOMER.DISPUTE.CREATED", `{"dispute_id":"PP-D-1","dispute_amount":{"currency_code":"EUR","value":"49.90"},"disputed_transactions":[{"seller_transaction_id":"C1"},{"seller_transaction_id":"C2"}]}`, "dispute opened 4990 EUR paypal:C1 paypal:C2 as paypal:PP-D-1, (PP-D-1)"},
	} {
		got := read(about(c.kind, c.resource))
		require.Nil(t, got.Quarantine, "%s %s: %s", c.kind, c.resource, got.Quarantine.GetDetail())
		if c.want == "" {
			assert.Empty(t, got.Facts, c.kind)
			continue
		}
		require.Len(t, got.Facts, 1, "%s %s", c.kind, c.resource)
		assert.Equal(t, c.want, told(got.Facts[0]), "%s %s", c.kind, c.resource)
	}
}

func TestMoneyIsExact(t *testing.T) {
	t.Parallel()
	for amounts, want := range map[string]string{
		"0.29 USD": "29 USD", "1500 JPY": "1500 JPY", "1500.00 JPY": "1500 JPY", "1500 HUF": "150000 HUF", "90 TWD": "9000 TWD", "1.005 KWD": "1005 KWD", "92233720368547758.07 EUR": "9223372036854775807 EUR",
	} {
		value, currency, _ := strings.Cut(amounts, " ")
		got := read(about("PAYMENT.CAPTURE.COMPLETED", fmt.Sprintf(`{"id":"C1","amount":{"value":%q,"currency_code":%q}}`, value, currency)))
		require.Nil(t, got.Quarantine, amounts)
		assert.Equal(t, want, sum(got.Facts[0].GetPaymentReported().GetAmount()))
	}
}

func TestWhatIsATest(t *testing.T) {
	t.Parallel()
	sent := func(cert, link string) bool {
		r := source.Request{Header: http.Header{}, Body: []byte(`{"links":[{"href":"` + link + `"}]}`)}
		if cert != "" {
			r.Header.Set(headerCert, cert)
		}
		return New().Read(r, account).Test
	}
	const live, sandboxed = "https://api.paypal.com/v1/notifications/certs/C", "https://api.sandbox.paypal.com/v1/notifications/certs/C"
	assert.True(t, sent(sandboxed, live))
	assert.False(t, sent(live, sandboxed), "what is verified counts, not what the body says")
	assert.True(t, sent("", sandboxed))
	assert.False(t, sent("", live))
}

func TestTheHeadersThatAreKeptReadTheSameAgain(t *testing.T) {
	t.Parallel()
	first := New().Read(delivery(t), account)
	again := source.Request{Header: http.Header{}, Body: []byte(body), ReceivedAt: now}
	for _, h := range first.Headers {
		assert.NotEqual(t, headerSig, h.GetName())
		again.Header.Set(h.GetName(), h.GetValue())
	}
	assert.Equal(t, first.Test, New().Read(again, account).Test)
	assert.True(t, first.Test)
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	const eur = `"amount":{"currency_code":"EUR","value":"49.90"}`
	for name, c := range map[string]struct {
		body, reason, detail string
		facts                int
	}{
		"no JSON":              {"{", source.NotJSON, "", 0},
		"an empty object":      {"{}", source.MissingField, "event_type", 0},
		"a list":               {"[]", source.BadValue, "the body", 0},
		"an unknown type":      {about("PAYMENT.CAPTURE.TELEPORTED", "{}"), source.UnknownTopic, "no type", 0},
		"no resource":          {`{"event_type":"PAYMENT.CAPTURE.COMPLETED"}`, source.MissingField, "resource", 0},
		"no id":                {about("PAYMENT.CAPTURE.COMPLETED", `{`+eur+`}`), source.MissingField, "resource.id", 0},
		"no id of a refund":    {about("PAYMENT.CAPTURE.REFUNDED", `{`+eur+`}`), source.MissingField, "resource.id", 0},
		"no id of a reversal":  {about("PAYMENT.CAPTURE.REVERSED", `{`+eur+`}`), source.MissingField, "resource.id", 0},
		"no amount":            {about("PAYMENT.CAPTURE.COMPLETED", `{"id":"C1"}`), source.MissingField, "currency_code", 0},
		"no value":             {about("PAYMENT.CAPTURE.COMPLETED", `{"id":"C1","amount":{"currency_code":"EUR"}}`), source.MissingField, "value", 0},
		"half a cent":          {about("PAYMENT.CAPTURE.COMPLETED", `{"id":"C1","amount":{"currency_code":"EUR","value":"0.005"}}`), source.BadValue, "finer", 0},
		"an amount in words":   {about("PAYMENT.CAPTURE.REFUNDED", `{"id":"R1","amount":{"currency_code":"EUR","value":"ten"}}`), source.BadValue, "value", 0},
		"an unknown capture":   {about("CHECKOUT.ORDER.COMPLETED", `{"id":"O1","purchase_units":[{"payments":{"captures":[{"id":"C1","status":"LOST",`+eur+`}]}}]}`), source.BadValue, "status", 0},
		"an unknown refund":    {about("PAYMENT.CAPTURE.REFUNDED", `{"id":"R1","status":"LOST",`+eur+`,"sale_id":"S1"}`), source.BadValue, "counts as pending", 1},
		"a refund of nothing":  {about("PAYMENT.CAPTURE.REFUNDED", `{"id":"R1",`+eur+`}`), source.NoReference, "neither", 0},
		"an unknown end":       {about("CUSTOMER.DISPUTE.RESOLVED", `{"dispute_id":"D1","dispute_amount":{"currency_code":"EUR","value":"1.00"},"dispute_outcome":{"outcome_code":"NONE"}}`), source.BadValue, "outcome_code", 0},
		"a dispute of nothing": {about("CUSTOMER.DISPUTE.CREATED", `{"dispute_amount":{"currency_code":"EUR","value":"1.00"}}`), source.MissingField, "dispute_id", 0},
		"a long id":            {about("PAYMENT.CAPTURE.COMPLETED", `{"id":"`+strings.Repeat("C", 300)+`",`+eur+`}`), source.BadValue, "too long", 0},
		"a long number":        {about("PAYMENT.CAPTURE.COMPLETED", `{"id":"C1","custom_id":"`+strings.Repeat("1", 300)+`",`+eur+`}`), source.BadValue, "too long", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(c.body)
			require.Equal(t, c.reason, got.Quarantine.GetReason(), got.Quarantine.GetDetail())
			assert.Contains(t, got.Quarantine.GetDetail(), c.detail)
			assert.Len(t, got.Facts, c.facts)
			assert.NotEmpty(t, got.DeliveryID)
		})
	}
}
