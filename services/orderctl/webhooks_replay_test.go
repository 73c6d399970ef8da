package orderctl

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// misread brings a delivery as an ingress of an older build brought it, whose normaliser was wrong. It returns our id.
func (p *plant) misread(sourceName, body string, wrongly func(*intakev1.Delivery)) string {
	p.t.Helper()
	s := ingress.SourceByName(sourceName)
	header, err := s.Sign([]byte(body), source.Signing{Secret: p.ground.Secrets()[sourceName], At: time.Now()})
	require.NoError(p.t, err)
	account := source.Account{Name: "default", Mode: source.Both, Shop: source.ShopKey{Source: "checkout", Account: "default"}}
	r := source.Request{Header: header, Body: []byte(body), ReceivedAt: time.Now().Truncate(time.Microsecond)}
	reading, err := ingress.Read(s, r, account)
	require.NoError(p.t, err)
	d, id := ingress.NewDelivery(s, r, account, reading)
	require.Nil(p.t, d.GetQuarantine(), "today's normaliser reads it")
	d.Reader = "an older build"
	wrongly(d)
	data, err := proto.Marshal(d)
	require.NoError(p.t, err)
	require.NoError(p.t, withBroker(p.t.Context(), p.ground, func(js jetstream.JetStream) error {
		return bus.NewPublisher(js).All(context.Background(), []*nats.Msg{{Subject: bus.IntakeSubject(d), Data: data, Header: nats.Header{nats.MsgIdHdr: []string{id.String()}}}})
	}))
	require.Eventually(p.t, func() bool {
		return p.count(p.t, `SELECT count(*) FROM journal.deliveries WHERE id = $1`, uuid.UUID(id)) == 1
	}, lifetime, 50*time.Millisecond)
	return id.String()
}

// paidOrder is a delivery that describes an order and tells that it is paid.
func paidOrder(number string) string {
	return strings.NewReplacer("W-1", number, "pay_w1", "pay_"+strings.ToLower(number)).Replace(checkoutPaid)
}

// replayedAnew runs 'webhooks replay' and says what it did.
func (p *plant) replayedAnew(code int, args ...string) rereadDone {
	p.t.Helper()
	r := p.call(append(append([]string{"webhooks", "replay"}, args...), "--json")...)
	require.Equal(p.t, code, r.code, r.said)
	var done rereadDone
	require.NoError(p.t, json.Unmarshal([]byte(r.out), &done), r.out)
	p.handled()
	p.quiet()
	return done
}

// sums are what the tables say of an order.
type sums struct {
	Status, Payment             string
	Total, Paid, Refunded, Pots int64
}

func (p *plant) sums(number string) (s sums) {
	p.t.Helper()
	id := uuid.UUID(ident.Order("checkout", "default", number))
	err := p.pool.QueryRow(p.t.Context(), `SELECT status, payment_status, total_minor, paid_minor, refunded_minor,
		(SELECT count(*) FROM read.payments p WHERE p.order_id = o.order_id) FROM read.orders o WHERE order_id = $1`, id).
		Scan(&s.Status, &s.Payment, &s.Total, &s.Paid, &s.Refunded, &s.Pots)
	require.NoError(p.t, err, number)
	return s
}

// hundredfold reads amounts in the wrong unit, as a normaliser does that does not know a currency's exponent, and a time in
// the wrong zone.
func hundredfold(d *intakev1.Delivery) {
	for _, f := range d.GetFacts() {
		if o := f.GetOrderDescribed(); o != nil {
			o.GetTotals().GetTotal().MinorUnits *= 100
			o.GetTotals().GetSubtotal().MinorUnits *= 100
			o.GetLines()[0].GetUnitPrice().MinorUnits *= 100
			o.UpdatedAt = timestamppb.New(o.GetUpdatedAt().AsTime().Add(time.Hour))
		}
		if m := f.GetPaymentReported(); m != nil {
			m.GetAmount().MinorUnits *= 100
		}
	}
}

func TestACorrectedReadingSupersedesTheWrongOne(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.start()
	wrong := p.misread("checkout", paidOrder("R-1"), hundredfold)
	shifted := p.misread("checkout", paidOrder("R-2"), func(d *intakev1.Delivery) { // it saw the payment alone, and too much of it
		hundredfold(d)
		d.Facts = d.GetFacts()[1:]
	})
	elsewhere := p.misread("checkout", paidOrder("R-3"), func(d *intakev1.Delivery) { // it saw the payment at another order
		d.GetFacts()[1].GetOrder().Id, d.GetFacts()[1].References = "R-4", nil
	})
	quarantined := p.misread("checkout", paidOrder("R-5"), func(d *intakev1.Delivery) {
		d.Facts, d.Quarantine = nil, source.Quarantine(source.BadValue, "data.items is too new")
	})
	right := p.post("checkout", "msg_r6", paidOrder("R-6"))
	stays := p.post("checkout", "msg_w2", unreadable)
	p.handled()
	p.quiet()
	require.Equal(t, int64(90000), p.sums("R-1").Total)
	require.Equal(t, int64(90000), p.sums("R-1").Paid)
	before := p.picture()

	// A dry run shows what would change, and changes nothing.
	all := []string{"--outcome", "all", "--source", "checkout"}
	dry := p.replayedAnew(1, append(all, "--dry-run")...)
	assert.Equal(t, 6, dry.Deliveries)
	assert.Equal(t, 3, dry.Changed)
	assert.Equal(t, 2, dry.Same)
	assert.Equal(t, before, p.picture())
	change := changeOf(t, dry, wrong)
	assert.Contains(t, strings.Join(change.Before.Says, "\n"), "PaymentCaptured (payment 1), order checkout/R-1")
	assert.Contains(t, strings.Join(change.After.Says, "\n"), "a payment captured: USD 9.00")
	change = changeOf(t, dry, quarantined)
	assert.Equal(t, "quarantined (bad_value: data.items is too new), 0 facts", change.Before.words())
	assert.Equal(t, "accepted, 2 facts", change.After.words())
	out := p.ok("webhooks", "replay", "--dry-run")
	assert.Contains(t, out, "Would send 1 of 2 deliveries anew, with 2 facts. 1 reads as before.")
	assert.Contains(t, out, "  before: quarantined (bad_value: data.items is too new), 0 facts\n  after:  accepted, 2 facts\n")

	// What is in quarantine goes by itself, the others are asked for.
	done := p.replayedAnew(0)
	assert.Equal(t, rereadDone{Deliveries: 2, Changed: 1, Facts: 2, Same: 1, Sources: map[string]int{"checkout": 1}, Through: done.Through}, done)
	done = p.replayedAnew(0, "--id", wrong, "--id", shifted)
	assert.Equal(t, 2, done.Changed)
	done = p.replayedAnew(1, "--id", elsewhere)
	require.Len(t, done.Examples, 1)
	assert.Contains(t, done.Examples[0].Why, ident.Order("checkout", "default", "R-4").String()+" (payment), and is told no more")

	want := p.sums("R-6")
	require.Equal(t, int64(900), want.Paid)
	for _, number := range []string{"R-1", "R-2", "R-5"} {
		assert.Equal(t, want, p.sums(number), number)
	}
	var v deliveryView
	p.parsed(&v, "webhooks", "show", wrong)
	assert.Equal(t, uint32(1), v.Revision)
	assert.Equal(t, stateRecorded, v.Parts[0].State)
	assert.Equal(t, stateRecorded, v.Parts[1].State)
	var listed []webhookView
	p.parsed(&listed, "webhooks", "list", "--outcome", "quarantined")
	require.Len(t, listed, 1, "what was read since is in quarantine no more")
	assert.Equal(t, stays, listed[0].ID)

	// Once more, and the older command after it: nothing changes.
	after := p.picture()
	done = p.replayedAnew(1, all...)
	assert.Equal(t, 0, done.Changed)
	assert.Equal(t, 5, done.Same)
	assert.Equal(t, 1, done.NotSent)
	assert.Contains(t, p.ok("replay", "--id", wrong, "--id", quarantined, "--id", right), "Sent 3 of 3 deliveries")
	p.handled()
	p.quiet()
	assert.Equal(t, after, p.picture())
	p.ok("verify")
	p.upgradesItself()
}

// upgradesItself starts another build, as far as the journal knows: what the older one could not read is tried again.
func (p *plant) upgradesItself() {
	p.t.Helper()
	p.misread("checkout", paidOrder("R-7"), func(d *intakev1.Delivery) {
		d.Facts, d.Quarantine = nil, source.Quarantine(source.UnknownTopic, "order.paid")
	})
	p.stop()
	p.start()
	_, err := p.pool.Exec(p.t.Context(), `DELETE FROM journal.rereadings`)
	require.NoError(p.t, err)
	p.stop()
	p.start()
	id := uuid.UUID(ident.Order("checkout", "default", "R-7"))
	require.Eventually(p.t, func() bool {
		return p.count(p.t, `SELECT count(*) FROM read.orders WHERE order_id = $1 AND paid_minor = 900`, id) == 1
	}, lifetime, 100*time.Millisecond)
	assert.Equal(p.t, 1, p.count(p.t, `SELECT count(*) FROM journal.rereadings WHERE reader = $1 AND changed = 1`, ingress.Build()))
}

func changeOf(t *testing.T, done rereadDone, id string) changeView {
	t.Helper()
	for _, c := range done.Changes {
		if c.ID == id {
			return c
		}
	}
	require.Failf(t, "no change", "%s is not among %v", id, done.Changes)
	return changeView{}
}

func TestWebhooksReplayIsCalledWrongly(t *testing.T) {
	t.Parallel()
	for said, args := range map[string][]string{
		"leave out everything else":    {"--id", "x", "--source", "stripe"},
		"it is one of":                 {"--source", "nobody"},
		"is no outcome":                {"--outcome", "lost"},
		"only what is quarantined has": {"--outcome", "accepted", "--reason", "bad_value"},
		"has to be before --until":     {"--since", "1h", "--until", "2h"},
	} {
		r := call(t.Context(), "", append([]string{"--data", t.TempDir(), "webhooks", "replay"}, args...)...)
		assert.Equal(t, 2, r.code, r.said)
		assert.Contains(t, r.said, said)
	}
}
