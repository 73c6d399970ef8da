package adyen

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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

var (
	ours = source.Account{Name: "default", Mode: source.Both, Shop: source.ShopKey{Source: "checkout", Account: "default"}}
	now  = time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)
	then = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func readFor(a source.Account, body string) source.Reading {
	return New().Read(source.Request{Header: http.Header{}, Body: []byte(body), ReceivedAt: now}, a)
}

func read(body string) source.Reading { return readFor(ours, body) }

// about is an item of a code, with what differs from the usual.
func about(code, more string) string {
	i := fmt.Sprintf(`"pspReference":"PSP1","originalReference":"ORIG","merchantReference":"1001","merchantAccountCode":"m","amount":{"value":4990,"currency":"EUR"},
		"eventCode":%q,"success":"true","eventDate":"2026-03-01T13:00:00+01:00","reason":"why"`, code)
	if more != "" {
		i += "," + more
	}
	return i
}

// told is a fact in one line.
func told(f *intakev1.Fact) string {
	var what string
	switch b := f.GetBody().(type) {
	case *intakev1.Fact_PaymentReported:
		p := b.PaymentReported
		what = strings.ToLower(strings.TrimPrefix(p.GetStep().String(), "PAYMENT_STEP_")) + " " + amount(p.GetAmount()) + " " + strings.Join(p.GetNames(), " ")
		if p.GetMovementId() != "" {
			what += " as " + p.GetMovementId()
		}
		what += maybe(p.GetFailureCode()) + maybe(p.GetRiskLevel()) + maybe(p.GetCountry())
	case *intakev1.Fact_RefundReported:
		r := b.RefundReported
		what = "refund " + strings.ToLower(strings.TrimPrefix(r.GetStep().String(), "REFUND_STEP_")) + " " + amount(r.GetAmount()) + " " + strings.Join(r.GetNames(), " ") + " as " + r.GetRefundId()
	case *intakev1.Fact_DisputeReported:
		d := b.DisputeReported
		what = "dispute " + strings.ToLower(strings.TrimPrefix(d.GetStep().String(), "DISPUTE_STEP_")) + " " + amount(d.GetAmount()) + " " + strings.Join(d.GetNames(), " ") + " as " + d.GetDisputeId() + maybe(d.GetReason())
	}
	return what
}

func maybe(s string) string {
	if s == "" {
		return ""
	}
	return ", " + s
}

func amount(m *typev1.Money) string { return fmt.Sprintf("%d %s", m.GetMinorUnits(), m.GetCurrency()) }

func TestAnAuthorisation(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/authorisation.json")
	require.NoError(t, err)
	got := read(string(body))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, "AUTHORISATION", got.Topic)
	assert.Equal(t, "QFQTPCQ8HXSKGK82:AUTHORISATION:true", got.DeliveryID)
	assert.False(t, got.Test)
	require.Len(t, got.Facts, 1)
	f := got.Facts[0]
	want := &intakev1.PaymentReported{
		Step: intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED, Amount: &typev1.Money{MinorUnits: 4990, Currency: "EUR"}, Names: []string{"adyen:QFQTPCQ8HXSKGK82"},
		Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: "adyen", RiskLevel: "normal", Country: "NL",
	}
	assert.True(t, proto.Equal(want, f.GetPaymentReported()), f)
	assert.Equal(t, []string{"number:checkout:default:1001", "adyen:QFQTPCQ8HXSKGK82"}, f.GetReferences())
	assert.True(t, proto.Equal(&typev1.OrderKey{Source: "checkout", Account: "default", Id: "1001"}, f.GetOrder()))
	assert.Equal(t, then, f.GetOccurredAt().AsTime())
	assert.NotContains(t, f.String(), "0004", "what tells of a card is not kept")
}

func TestTheNumberOfAnotherShopLeadsToItsOrder(t *testing.T) {
	t.Parallel()
	a := ours
	a.Shop = source.ShopKey{Source: "shopify", Account: "eu"}
	f := readFor(a, items(about("AUTHORISATION", `"merchantReference":" #1001 "`))).Facts[0]
	assert.Nil(t, f.GetOrder())
	assert.Equal(t, []string{"number:shopify:eu:1001", "adyen:PSP1"}, f.GetReferences())
}

// A modification may have a reference of its own, which must not be taken for an order's number where there is a better
// name.
func TestAModificationIsAboutItsPayment(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"CAPTURE", "REFUND", "CANCELLATION", "CHARGEBACK", "REFUND_FAILED"} {
		f := read(items(about(code, `"merchantReference":"return-17"`))).Facts[0]
		assert.Nil(t, f.GetOrder(), code)
		assert.Equal(t, []string{"adyen:ORIG", "number:checkout:default:return-17"}, f.GetReferences(), code)
	}
}

func TestSeveralItems(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/modifications.json")
	require.NoError(t, err)
	got := read(string(body))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, "CAPTURE,REFUND,CANCEL_OR_REFUND", got.Topic)
	var all []string
	for _, f := range got.Facts {
		all = append(all, told(f))
	}
	assert.Equal(t, []string{
		"captured 3000 EUR adyen:QFQTPCQ8HXSKGK82 as adyen:CPTRPCQ8HXSKGK01", "refund settled 1000 EUR adyen:QFQTPCQ8HXSKGK82 as adyen:RFNDPCQ8HXSKGK02",
		"voided 1990 ISK adyen:QFQTPCQ8HXSKGK83",
	}, all)
	assert.Equal(t, got.DeliveryID, read(strings.Replace(string(body), `"reason": ""`, `"reason": "x"`, 1)).DeliveryID)
	assert.NotEqual(t, got.DeliveryID, read(strings.Replace(string(body), `"true"`+"\n      }", `"false"`+"\n      }", 1)).DeliveryID)
}

func TestEveryCode(t *testing.T) {
	t.Parallel()
	const bad = `"success":"false"`
	for _, c := range []struct{ code, more, want string }{
		{"AUTHORISATION", "", "authorized 4990 EUR adyen:PSP1"},
		{"AUTHORISATION", bad, "failed 4990 EUR adyen:PSP1, why"},
		{"AUTHORISATION", `"amount":{"value":0,"currency":"EUR"}`, ""},
		{"AUTHORISATION", `"additionalData":{"fraudResultType":"FRAUD","issuerCountry":"DE"}`, "authorized 4990 EUR adyen:PSP1, highest, DE"},
		{"AUTHORISATION", `"additionalData":{"fraudResultType":"GREEN","fraudManualReview":"true"}`, "authorized 4990 EUR adyen:PSP1, elevated"},
		{"AUTHORISATION", `"success":true`, "authorized 4990 EUR adyen:PSP1"},
		{"AUTHORISATION_ADJUSTMENT", "", "authorized 4990 EUR adyen:ORIG"},
		{"AUTHORISATION_ADJUSTMENT", bad, ""},
		{"CAPTURE", "", "captured 4990 EUR adyen:ORIG as adyen:PSP1"},
		{"CAPTURE", bad, ""},
		{"CAPTURE_FAILED", "", "dispute lost 4990 EUR adyen:ORIG as adyen:PSP1, capture_failed"},
		{"CANCELLATION", "", "voided 4990 EUR adyen:ORIG"},
		{"CANCELLATION", bad, ""},
		{"TECHNICAL_CANCEL", "", "voided 4990 EUR adyen:ORIG"},
		{"EXPIRE", `"originalReference":""`, "voided 4990 EUR adyen:PSP1"},
		{"OFFER_CLOSED", "", "failed 4990 EUR adyen:PSP1, offer_closed"},
		{"CANCEL_OR_REFUND", `"additionalData":{"modification.action":"cancel"}`, "voided 4990 EUR adyen:ORIG"},
		{"CANCEL_OR_REFUND", `"additionalData":{"modification.action":"refund"}`, "refund settled 4990 EUR adyen:ORIG as adyen:PSP1"},
		{"CANCEL_OR_REFUND", bad, ""},
		{"REFUND", "", "refund settled 4990 EUR adyen:ORIG as adyen:PSP1"},
		{"REFUND", bad, "refund failed 4990 EUR adyen:ORIG as adyen:PSP1"},
		{"REFUND_WITH_DATA", `"originalReference":null`, "refund settled 4990 EUR  as adyen:PSP1"},
		{"POSTPONED_REFUND", "", "refund pending 4990 EUR adyen:ORIG as adyen:PSP1"},
		{"POSTPONED_REFUND", bad, ""},
		{"REFUND_FAILED", "", "refund failed 4990 EUR adyen:ORIG as adyen:PSP1"},
		{"REFUNDED_REVERSED", "", "refund failed 4990 EUR adyen:ORIG as adyen:PSP1"},
		{"REQUEST_FOR_INFORMATION", "", "dispute warning 4990 EUR adyen:ORIG as adyen:PSP1, why"},
		{"NOTIFICATION_OF_CHARGEBACK", "", "dispute warning 4990 EUR adyen:ORIG as adyen:PSP1, why"},
		{"CHARGEBACK", "", "dispute opened 4990 EUR adyen:ORIG as adyen:PSP1, why"},
		{"CHARGEBACK", bad, ""},
		{"CHARGEBACK_REVERSED", "", "dispute won 4990 EUR adyen:ORIG as adyen:PSP1, why"},
		{"SECOND_CHARGEBACK", "", "dispute lost 4990 EUR adyen:ORIG as adyen:PSP1, why"},
		{"PREARBITRATION_WON", "", "dispute won 4990 EUR adyen:ORIG as adyen:PSP1, why"},
		{"PREARBITRATION_LOST", "", "dispute lost 4990 EUR adyen:ORIG as adyen:PSP1, why"},
		{"REPORT_AVAILABLE", `"amount":null`, ""},
		{"PENDING", "", ""},
		{"ORDER_CLOSED", "", ""},
	} {
		got := read(items(about(c.code, c.more)))
		require.Nil(t, got.Quarantine, "%s: %s", c.code, got.Quarantine.GetDetail())
		assert.True(t, got.Test)
		if c.want == "" {
			assert.Empty(t, got.Facts, c.code)
			continue
		}
		require.Len(t, got.Facts, 1, c.code)
		assert.Equal(t, c.want, told(got.Facts[0]), "%s %s", c.code, c.more)
	}
}

func TestAnAccountThatCapturesByItself(t *testing.T) {
	t.Parallel()
	a := ours
	a.AutoCapture = true
	for _, c := range []struct{ code, more, want string }{
		{"AUTHORISATION", "", "captured 4990 EUR adyen:PSP1"},
		{"AUTHORISATION", `"success":"false"`, "failed 4990 EUR adyen:PSP1, why"},
		{"CAPTURE", "", "captured 4990 EUR adyen:ORIG as adyen:PSP1"},
		{"CANCELLATION", "", "refund settled 4990 EUR adyen:ORIG as adyen:PSP1"},
	} {
		got := readFor(a, items(about(c.code, c.more)))
		require.Len(t, got.Facts, 1, c.code)
		assert.Equal(t, c.want, told(got.Facts[0]))
	}
}

func TestMoneyIsExact(t *testing.T) {
	t.Parallel()
	for amounts, want := range map[string]string{
		`1234 EUR`: "1234 EUR", `1234 JPY`: "1234 JPY", `1230 KWD`: "1230 KWD", `1200 CLP`: "12 CLP", `12 CVE`: "1200 CVE", `12 IDR`: "1200 IDR", `1200 ISK`: "12 ISK",
		`9223372036854775807 EUR`: "9223372036854775807 EUR", `5 XTS`: "5 XTS", `12.0 eur`: "12 EUR",
	} {
		value, currency, _ := strings.Cut(amounts, " ")
		got := read(items(about("CAPTURE", fmt.Sprintf(`"amount":{"value":%s,"currency":%q}`, value, currency))))
		require.Nil(t, got.Quarantine, amounts)
		assert.Equal(t, want, amount(got.Facts[0].GetPaymentReported().GetAmount()))
	}
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, reason, detail string }{
		"no JSON":               {"{", source.NotJSON, ""},
		"an empty object":       {"{}", source.MissingField, "notificationItems"},
		"a list":                {"[]", source.BadValue, "the body"},
		"no event code":         {items(`"pspReference":"p"`), source.MissingField, "eventCode"},
		"an unknown event code": {items(about("TELEPORTED", "")), source.UnknownTopic, "event code"},
		"no psp reference":      {items(about("CAPTURE", `"pspReference":null`)), source.MissingField, "pspReference"},
		"a long psp reference":  {items(about("AUTHORISATION", `"pspReference":"`+strings.Repeat("x", 300)+`"`)), source.BadValue, "pspReference"},
		"a long refund":         {items(about("REFUND", `"pspReference":"`+strings.Repeat("x", 300)+`"`)), source.BadValue, "pspReference"},
		"success is a word":     {items(about("CAPTURE", `"success":"yes"`)), source.BadValue, "success"},
		"no amount":             {items(about("CAPTURE", `"amount":null,"amount":{"value":null,"currency":"EUR"}`)), source.MissingField, "amount.value"},
		"no currency":           {items(about("CAPTURE", `"amount":{"value":1,"currency":""}`)), source.MissingField, "amount.currency"},
		"a fraction":            {items(about("CAPTURE", `"amount":{"value":1.5}`)), source.BadValue, "amount.value"},
		"a fraction of a króna": {items(about("CAPTURE", `"amount":{"value":150,"currency":"ISK"}`)), source.BadValue, "amount.value"},
		"cancelled or refunded": {items(about("CANCEL_OR_REFUND", "")), source.MissingField, "modification.action"},
		"neither of both":       {items(about("CANCEL_OR_REFUND", `"additionalData":{"modification.action":"sing"}`)), source.BadValue, "modification.action"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(c.body)
			require.Equal(t, c.reason, got.Quarantine.GetReason(), got.Quarantine.GetDetail())
			assert.Contains(t, got.Quarantine.GetDetail(), c.detail)
			assert.Empty(t, got.Facts)
			assert.NotEmpty(t, got.DeliveryID)
		})
	}
	long := read(items(about("AUTHORISATION", `"merchantReference":"`+strings.Repeat("1", 300)+`"`)))
	assert.Equal(t, source.BadValue, long.Quarantine.GetReason())
	assert.Equal(t, []string{"adyen:PSP1"}, long.Facts[0].GetReferences(), "the payment is known without its order")

	part := read(items(about("TELEPORTED", ""), about("CAPTURE", "")))
	assert.Equal(t, source.BadValue, part.Quarantine.GetReason())
	assert.Len(t, part.Facts, 1, "the other item is of use")
}

func TestOtherWebhooksTellNothing(t *testing.T) {
	t.Parallel()
	got := read(`{"type":"balancePlatform.transfer.created","environment":"test","data":{"id":"x"}}`)
	assert.Nil(t, got.Quarantine)
	assert.Empty(t, got.Facts)
	assert.Equal(t, "balancePlatform.transfer.created", got.Topic)
	assert.True(t, got.Test)
	assert.False(t, read(`{"eventType":"x","live":"true"}`).Test)
}

// Every payload that Adyen's libraries test with is taken.
func TestPublishedPayloads(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../shared/fixtures/adyen/*.json")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the published payloads are not here")
	}
	want := map[string]string{
		"AUTHORISATION": "authorized 10100 EUR adyen:123456789", "CAPTURE": "captured 23623 USD adyen:ORIGINAL_PSP as adyen:PSP_REFERENCE",
	}
	for _, f := range files {
		body, err := os.ReadFile(f)
		require.NoError(t, err)
		h, err := New().Sign(body, source.Signing{Secret: vectorKey})
		require.NoError(t, err)
		a := ours
		a.Secrets = []string{vectorKey}
		r := source.Request{Header: h, Body: body, ReceivedAt: now}
		require.NoError(t, New().Verify(r, a), f)
		got := New().Read(r, a)
		assert.Nil(t, got.Quarantine, "%s: %s", f, got.Quarantine.GetDetail())
		assert.True(t, got.Test)
		code, _, _ := strings.Cut(filepath.Base(f), ".")
		assert.Equal(t, code, got.Topic)
		require.Len(t, got.Facts, 1)
		assert.Equal(t, want[code], told(got.Facts[0]))
	}
}
