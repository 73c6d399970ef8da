package notifier

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var update = flag.Bool("update", false, "write the golden mails anew")

// sealed is a vault with one person in it.
type sealed struct {
	person *typev1.Person
	erased bool
}

func (s sealed) Open(context.Context, ident.Entity, *typev1.Sealed) (*typev1.Person, bool, error) {
	return s.person, s.erased, nil
}

// drawer keeps what is sent.
type drawer struct {
	sent []outgoing
	err  error
}

func (d *drawer) send(_ context.Context, m outgoing) error {
	if d.err == nil {
		d.sent = append(d.sent, m)
	}
	return d.err
}

func handlerWith(person *typev1.Person, c channel) *handler {
	return &handler{
		config: Config{Shop: "Mugs & More", From: "Mugs <orders@mugs.example>", Rules: rules}, words: newWords(),
		vault: sealed{person: person}, channel: c,
	}
}

var ada = &typev1.Person{Name: "Ada <Lovelace>", Email: "ada@example.org"}

func TestGoldenMails(t *testing.T) {
	t.Parallel()
	released := &orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}}
	label := &fulfillmentv1.LabelPurchased{ShipmentId: id.String() + "/1", TrackingNumber: "SB1", Carrier: "sandbox"}
	for name, c := range map[string]struct {
		given []proto.Message
		tell  message
	}{
		"confirmed":      {[]proto.Message{placed, paid, cleared}, message{notificationv1.Kind_KIND_CONFIRMED, ""}},
		"shipped":        {[]proto.Message{placed, paid, cleared, released, label, scanned("SB1")}, message{notificationv1.Kind_KIND_SHIPPED, "SB1"}},
		"delivered":      {[]proto.Message{placed, paid, cleared, released, label, delivered("SB1")}, message{notificationv1.Kind_KIND_DELIVERED, "SB1"}},
		"held":           {[]proto.Message{placed, paid, cleared, hold(orderv1.HoldKind_HOLD_KIND_FRAUD)}, message{notificationv1.Kind_KIND_HELD, ""}},
		"held_address":   {[]proto.Message{placed, paid, cleared, hold(orderv1.HoldKind_HOLD_KIND_FRAUD), hold(orderv1.HoldKind_HOLD_KIND_ADDRESS)}, message{notificationv1.Kind_KIND_HELD, ""}},
		"held_payment":   {[]proto.Message{placed, paid, cleared, hold(orderv1.HoldKind_HOLD_KIND_PAYMENT)}, message{notificationv1.Kind_KIND_HELD, ""}},
		"held_elsewhere": {[]proto.Message{placed, paid, cleared, &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_PAYMENT, Reason: order.HoldElsewhere}}, message{notificationv1.Kind_KIND_HELD, ""}},
		"held_stock":     {[]proto.Message{placed, paid, cleared, hold(orderv1.HoldKind_HOLD_KIND_STOCK)}, message{notificationv1.Kind_KIND_HELD, ""}},
		"refunded":       {[]proto.Message{placed, paid, back(1234, "re_1")}, message{notificationv1.Kind_KIND_REFUNDED, "USD:1234"}},
		"refunded_again": {[]proto.Message{placed, paid, back(1234, "re_1"), sent(notificationv1.Kind_KIND_REFUNDED, "USD:1234"), back(66, "re_2")}, message{notificationv1.Kind_KIND_REFUNDED, "USD:1300"}},
		"cancelled":      {[]proto.Message{placed, paid, stopping, cancelled}, message{notificationv1.Kind_KIND_CANCELLED, ""}},
		"expired":        {[]proto.Message{placed, stopping, &orderv1.OrderExpired{}}, message{notificationv1.Kind_KIND_CANCELLED, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &drawer{}
			got, err := handlerWith(ada, d).do(t.Context(), fold(t, c.given...), c.tell)
			require.NoError(t, err)
			require.Len(t, d.sent, 1)
			m := d.sent[0]
			assert.Equal(t, answer{MessageID: m.ID}, got)
			assert.Equal(t, "ada@example.org", m.To.Address)
			assert.NotContains(t, m.HTML, "<Lovelace>", "HTML is escaped")
			assert.NotContains(t, strings.ToLower(m.Text+m.HTML+m.Subject), "fraud")
			golden(t, name+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
			golden(t, name+".html", m.HTML)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with: go test ./services/notifier -update")
	assert.Equal(t, string(want), got)
}

func TestWhatStrangersWriteStaysOnItsLine(t *testing.T) {
	t.Parallel()
	evil := proto.CloneOf(placed)
	evil.Description.Number = "1\r\nBcc: everybody@example.org"
	evil.Description.Lines[0].Title = "Mug\r\n\r\nYou owe us money\x00\u202e " + strings.Repeat("x", 1000)
	for range 150 {
		evil.Description.Lines = append(evil.Description.Lines, &typev1.Line{Sku: "MANY", Quantity: 1, UnitPrice: usd(1)})
	}
	d := &drawer{}
	person := &typev1.Person{Name: "A\nB", Email: " ada@example.org "}
	_, err := handlerWith(person, d).do(t.Context(), fold(t, evil, paid), message{notificationv1.Kind_KIND_CONFIRMED, ""})
	require.NoError(t, err)
	m := d.sent[0]
	assert.Equal(t, "Your order 1 Bcc: everybody@example.org is confirmed", m.Subject)
	assert.Equal(t, "A B", m.To.Name)
	assert.Contains(t, m.Text, "2 x Mug You owe us money x")
	assert.NotContains(t, m.Text, "\u202e")
	assert.Contains(t, m.Text, "and 52 more")
}

func TestMoneyIsExact(t *testing.T) {
	t.Parallel()
	for currency, want := range map[string]string{"JPY": "JPY 2500", "KWD": "KWD 2.500", "USD": "USD 25.00"} {
		l := letter{}
		l.list([]*typev1.Line{{Quantity: 2, UnitPrice: &typev1.Money{MinorUnits: 1250, Currency: currency}}}, nil, true)
		assert.Equal(t, want, l.Lines[0].Price)
	}
	l := letter{}
	l.list([]*typev1.Line{{Quantity: 1 << 40, UnitPrice: usd(1 << 40)}}, nil, true)
	assert.Empty(t, l.Lines[0].Price, "no number is better than a wrong one")
}

func TestWhoIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	confirm := message{notificationv1.Kind_KIND_CONFIRMED, ""}
	o := fold(t, placed, paid, cleared)
	d := &drawer{}

	h := handlerWith(&typev1.Person{Name: "Ada"}, d)
	got, err := h.do(t.Context(), o, confirm)
	require.NoError(t, err)
	assert.Equal(t, answer{Silent: silentNoEmail}, got)

	h.vault = sealed{person: &typev1.Person{}, erased: true}
	got, err = h.do(t.Context(), o, confirm)
	require.NoError(t, err)
	assert.Equal(t, answer{Silent: silentErased}, got)

	_, err = handlerWith(&typev1.Person{Email: "not an address at all"}, d).do(t.Context(), o, confirm)
	require.Error(t, err)
	assert.Equal(t, fault.Rejected, fault.KindOf(err))
	assert.NotContains(t, err.Error(), "not an address")
	assert.Empty(t, d.sent)
}

func TestTheMessageIDIsTheSameOnEveryTry(t *testing.T) {
	t.Parallel()
	m := message{notificationv1.Kind_KIND_SHIPPED, "SB1"}
	first := messageID(id, m, "Shop <orders@mugs.example>")
	assert.Equal(t, first, messageID(id, m, "orders@mugs.example"))
	assert.True(t, strings.HasSuffix(first, "@mugs.example"))
	assert.NotEqual(t, first, messageID(id, message{m.Kind, "SB2"}, "orders@mugs.example"))
	assert.NotEqual(t, first, messageID(id, message{notificationv1.Kind_KIND_DELIVERED, "SB1"}, "orders@mugs.example"))
	assert.NotEqual(t, first, messageID(ident.Order("checkout", "default", "1002"), m, "orders@mugs.example"))
}
