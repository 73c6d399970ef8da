package fuzz_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// now is when every delivery comes.
var now = time.Unix(1772366400, 0)

// account takes everything, live and test.
func account() source.Account {
	return source.Account{Name: "default", Mode: source.Both, Shop: source.ShopKey{Source: "checkout", Account: "default"}}
}

// holds reads a delivery and looks at everything that has to be true of whatever comes of it.
func holds(t *testing.T, s source.Source, r source.Request) {
	t.Helper()
	body := bytes.Clone(r.Body)
	first, again := s.Read(r, account()), s.Read(r, account())
	same(t, first, again)
	require.Equal(t, body, r.Body, "what was signed is changed")

	kept, failure := ingress.Read(s, r, account())
	require.NoError(t, failure)
	for _, f := range kept.Facts {
		factHolds(t, f, r.Body, s.Name())
	}
	quarantineHolds(t, kept, r)
	require.NotEmpty(t, kept.DeliveryID)
	for _, text := range []string{kept.Topic, kept.DeliveryID} {
		require.True(t, utf8.ValidString(text) && !strings.Contains(text, "\x00"), "%q is kept", text)
	}
	live := account()
	live.Mode = source.Live
	if onLive, _ := ingress.Read(s, r, live); onLive.Test {
		require.Empty(t, onLive.Facts)
		require.Equal(t, source.TestMode, onLive.Quarantine.GetReason())
	}
	_, id := ingress.NewDelivery(s, r, account(), kept)
	_, other := ingress.NewDelivery(s, r, account(), kept)
	require.Equal(t, id, other)
}

// same says that two readings of the same bytes are the same: no clock, no chance, no order of a map.
func same(t *testing.T, a, b source.Reading) {
	t.Helper()
	require.Equal(t, a.Topic, b.Topic)
	require.Equal(t, a.DeliveryID, b.DeliveryID)
	require.Equal(t, a.Test, b.Test)
	require.Len(t, b.Facts, len(a.Facts))
	require.True(t, proto.Equal(a.Quarantine, b.Quarantine))
	for i := range a.Facts {
		require.True(t, proto.Equal(a.Facts[i], b.Facts[i]), "%v\n%v", a.Facts[i], b.Facts[i])
	}
	for i := range a.Headers {
		require.True(t, proto.Equal(a.Headers[i], b.Headers[i]))
	}
}

func factHolds(t *testing.T, f *intakev1.Fact, body []byte, from string) {
	t.Helper()
	data, err := proto.Marshal(f) // refuses what is no UTF-8
	require.NoError(t, err)
	again := &intakev1.Fact{}
	require.NoError(t, proto.Unmarshal(data, again))
	require.True(t, proto.Equal(f, again))

	require.NotNil(t, f.GetBody())
	require.NotNil(t, f.GetOccurredAt())
	if f.GetStockReported().GetSku() == "" {
		require.True(t, f.GetOrder().GetId() != "" || len(f.GetReferences()) > 0, "a fact about nothing: %v", f)
	}
	require.NoError(t, protorange.Range(f.ProtoReflect(), func(p protopath.Values) error {
		valueHolds(t, p.Index(-1).Value.Interface())
		return nil
	}))
	if d := f.GetOrderDescribed(); d != nil {
		orderHolds(t, d, body, from)
	}
	stepHolds(t, f)
}

// valueHolds looks at everything in a fact: text that Postgres keeps, times that it holds, amounts that are some.
func valueHolds(t *testing.T, value any) {
	t.Helper()
	switch v := value.(type) {
	case string:
		require.NotContains(t, v, "\x00")
	case protoreflect.Message:
		switch m := v.Interface().(type) {
		case *typev1.Money:
			amountHolds(t, money.FromProto(m))
		case interface{ CheckValid() error }:
			require.NoError(t, m.CheckValid())
		}
	}
}

var code = regexp.MustCompile(`^[A-Z]{3}$`)

// amountHolds says that an amount is one: written in its currency's digits and read again it is the same.
func amountHolds(t *testing.T, a money.Amount) {
	t.Helper()
	require.Regexp(t, code, a.Currency)
	if _, err := money.Exponent(a.Currency); err != nil {
		return // told as it came; the order will be held for it
	}
	again, err := money.Parse(a.Decimal(), a.Currency)
	require.NoError(t, err, "%d", a.Minor)
	require.Equal(t, a, again)
}

func orderHolds(t *testing.T, d *intakev1.OrderDescribed, body []byte, from string) {
	t.Helper()
	require.NotEmpty(t, d.GetTotals().GetTotal().GetCurrency())
	seen := map[string]bool{}
	for _, l := range d.GetLines() {
		require.NotEmpty(t, l.GetId())
		require.False(t, seen[l.GetId()], "two lines are %s", l.GetId())
		seen[l.GetId()] = true
		require.NotNil(t, l.GetUnitPrice())
		require.NotZero(t, l.GetFulfiller())
		for _, m := range []*typev1.Money{l.GetUnitPrice(), l.GetTax(), l.GetDiscount()} {
			require.True(t, m == nil || m.GetCurrency() == d.GetCurrency())
		}
		if from == "woocommerce" {
			require.GreaterOrEqual(t, l.GetUnitPrice().GetMinorUnits(), int64(0))
		}
	}
	s := d.GetTotals()
	for _, m := range []*typev1.Money{s.GetSubtotal(), s.GetDiscount(), s.GetShipping(), s.GetTax(), s.GetTotal()} {
		require.True(t, m == nil || m.GetCurrency() == d.GetCurrency())
	}
	if from == "shopify" || from == "woocommerce" { // the others may add it up, or count otherwise
		require.True(t, stands(body, money.FromProto(s.GetTotal())), "the total %v stands nowhere", s.GetTotal())
	}
}

func stepHolds(t *testing.T, f *intakev1.Fact) {
	t.Helper()
	switch b := f.GetBody().(type) {
	case *intakev1.Fact_PaymentReported:
		require.NotZero(t, b.PaymentReported.GetStep())
		require.NotZero(t, b.PaymentReported.GetWitness())
		require.NotNil(t, b.PaymentReported.GetAmount())
	case *intakev1.Fact_RefundReported:
		require.NotZero(t, b.RefundReported.GetStep())
		require.NotZero(t, b.RefundReported.GetWitness())
		require.NotNil(t, b.RefundReported.GetAmount())
	case *intakev1.Fact_DisputeReported:
		require.NotZero(t, b.DisputeReported.GetStep())
		require.NotNil(t, b.DisputeReported.GetAmount())
	case *intakev1.Fact_PaidClaimed:
		require.NotNil(t, b.PaidClaimed.GetAmount())
	case *intakev1.Fact_ScanReported:
		require.NotZero(t, b.ScanReported.GetStep())
		require.NotEmpty(t, b.ScanReported.GetTrackingNumber())
		require.NotEmpty(t, b.ScanReported.GetScanId())
	case *intakev1.Fact_ProductReported:
		require.NotEmpty(t, b.ProductReported.GetSku())
	case *intakev1.Fact_ShipmentReported:
		require.NotZero(t, b.ShipmentReported.GetStep())
		require.NotEmpty(t, b.ShipmentReported.GetShipmentId())
		for _, l := range b.ShipmentReported.GetLines() {
			require.True(t, l.GetQuantity() > 0 && (l.GetLineId() != "" || l.GetSku() != ""))
		}
	}
}

// stands says that an amount stands in a body as a decimal: found with arithmetic that shares nothing with money's.
func stands(body []byte, a money.Amount) bool {
	exponent, err := money.Exponent(a.Currency)
	if err != nil {
		exponent = 2
	}
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil))
	want := new(big.Rat).SetInt64(a.Minor)
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		var text string
		switch v := token.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		}
		if r, ok := rational(strings.TrimSpace(text)); ok && r.Mul(r, unit).Cmp(want) == 0 {
			return true
		}
	}
}

var decimal = regexp.MustCompile(`^-?\d*\.?\d*([eE][-+]?0*\d{1,2})?$`)

func rational(text string) (*big.Rat, bool) {
	if !decimal.MatchString(text) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

var (
	reasons = []string{
		source.NotJSON, source.UnknownTopic, source.MissingField, source.BadValue, source.TestMode, source.NoReference, source.AccountMismatch,
	}
	// alone are the reasons for which nothing at all can be used. With the others a delivery may tell a part.
	alone  = []string{source.NotJSON, source.UnknownTopic, source.TestMode, source.AccountMismatch}
	number = regexp.MustCompile(`\d{6,}`)
)

// placed is how an order among many is named: by its place and its number, which are no person's.
var placed = regexp.MustCompile(`data\.orders\[\d+\] \([a-z0-9._/-]{1,40}\)`)

// personal are parts of everything personal in our fixtures and words, in lower case.
var personal = []string{mark, "example", "street", "private", "@"}

func quarantineHolds(t *testing.T, reading source.Reading, r source.Request) {
	t.Helper()
	q := reading.Quarantine
	if q == nil {
		return
	}
	require.Contains(t, reasons, q.GetReason())
	if slices.Contains(alone, q.GetReason()) {
		require.Empty(t, reading.Facts, "%v", q)
	}
	detail := strings.ToLower(q.GetDetail())
	require.NotEmpty(t, detail)
	require.Less(t, len(detail), 1200)
	require.True(t, utf8.ValidString(detail) && !strings.Contains(detail, "\x00"), "%q", detail)
	if len(r.Header) > 0 { // a topic that nobody knows is repeated, and stands in no body
		detail = strings.ReplaceAll(detail, strings.ToLower(reading.Topic), "")
	}
	detail = placed.ReplaceAllString(detail, "")
	for _, p := range personal {
		require.NotContains(t, detail, p)
	}
	require.NotRegexp(t, number, detail)
}
