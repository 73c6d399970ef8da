package projector

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func (w *world) journal() *journal {
	return &journal{pool: w.pool, vault: w.vault, config: Config{JournalRetention: 30 * 24 * time.Hour}, clock: time.Now, log: zerolog.Nop()}
}

func delivery(providerID, body string, change ...func(*intakev1.Delivery)) *intakev1.Delivery {
	id := ident.DeliveryOf("shopify", "default", "orders/create", providerID, sha256.Sum256([]byte(body)))
	d := &intakev1.Delivery{
		Id: id[:], Source: "shopify", Account: "default", Topic: "orders/create", DeliveryId: providerID, Body: []byte(body),
		Headers: []*intakev1.Header{{Name: "X-Topic", Value: "orders/create"}}, ReceivedAt: timestamppb.New(noon),
		Facts: []*intakev1.Fact{{
			Order: &typev1.OrderKey{Source: "shopify", Account: "default", Id: "42"},
			Body:  &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{Number: "1001"}},
		}},
	}
	for _, c := range change {
		c(d)
	}
	return d
}

func at(t time.Time) func(*intakev1.Delivery) {
	return func(d *intakev1.Delivery) { d.ReceivedAt = timestamppb.New(t) }
}

func TestADeliveryStandsInTheJournalOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.journal()
	first := delivery("d1", `{"email":"ada@example.com"}`)
	require.NoError(t, j.write(w.ctx, []*intakev1.Delivery{first, first}))
	require.NoError(t, j.write(w.ctx, []*intakev1.Delivery{first}))
	later := delivery("d1", `{"email":"ada@example.com"}`, at(noon.AddDate(0, 0, 3)))
	require.NoError(t, j.write(w.ctx, []*intakev1.Delivery{later}), "the provider tells it again, days later")
	require.Equal(t, int64(1), one1[int64](w, `SELECT count(*) FROM read.webhook_events`))
	again := delivery("d1", `{"email":"ada@example.com"}`, func(d *intakev1.Delivery) { d.Revision = 1 })
	require.NoError(t, j.write(w.ctx, []*intakev1.Delivery{again}))
	require.Equal(t, int64(2), one1[int64](w, `SELECT count(*) FROM read.webhook_events`), "a newer reading stands beside it")

	order := ident.Order("shopify", "default", "42")
	assert.Equal(t, "accepted", one1[string](w, `SELECT outcome FROM read.webhook_events WHERE revision = 0`))
	assert.Equal(t, [][16]byte{order}, one1[[][16]byte](w, `SELECT order_ids FROM read.webhook_events WHERE revision = 0`))
	assert.Equal(t, "orders/create", one1[string](w, `SELECT headers->>'X-Topic' FROM journal.deliveries WHERE revision = 0`))
	assert.False(t, one1[bool](w, `SELECT bool_or(has_conflict) FROM read.webhook_events`))

	sealed := &typev1.Sealed{
		Nonce:      one1[[]byte](w, `SELECT body_nonce FROM journal.deliveries WHERE revision = 0`),
		Ciphertext: one1[[]byte](w, `SELECT body_sealed FROM journal.deliveries WHERE revision = 0`),
	}
	assert.NotContains(t, string(sealed.GetCiphertext()), "example.com")
	body, erased, err := w.vault.OpenBytes(w.ctx, ident.Entity(first.GetId()), sealed)
	require.NoError(t, err)
	assert.False(t, erased)
	assert.Equal(t, first.GetBody(), body)
}

func TestAnotherBodyUnderOneIdIsKeptAndFlagged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.journal()
	require.NoError(t, j.write(w.ctx, []*intakev1.Delivery{delivery("d1", "one"), delivery("d2", "one")}))
	require.NoError(t, j.write(w.ctx, []*intakev1.Delivery{delivery("d1", "two", at(noon.Add(time.Hour))), delivery("d1", "one")}))
	assert.Equal(t, int64(2), one1[int64](w, `SELECT count(*) FROM read.webhook_events WHERE has_conflict AND provider_event_id = 'd1'`))
	assert.Equal(t, int64(1), one1[int64](w, `SELECT count(*) FROM read.webhook_events WHERE NOT has_conflict`))
	assert.Equal(t, int64(1), one1[int64](w, `SELECT count(*) FROM journal.deliveries WHERE conflicting`), "the one that came second")
}

func TestOutcomesOfDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	quarantined := delivery("d1", "x", func(d *intakev1.Delivery) {
		d.Facts, d.Quarantine = nil, &intakev1.Quarantine{Reason: "not_json", Detail: "it begins with\x00x"}
	})
	nothing := delivery("d2", "x", func(d *intakev1.Delivery) { d.Facts = nil })
	require.NoError(t, w.journal().write(w.ctx, []*intakev1.Delivery{quarantined, nothing}))
	assert.Equal(t, "quarantined not_json it begins withx", one1[string](w, `SELECT outcome || ' ' || reason || ' ' || detail FROM read.webhook_events WHERE provider_event_id = 'd1'`))
	assert.Equal(t, "nothing_for_us", one1[string](w, `SELECT outcome FROM read.webhook_events WHERE provider_event_id = 'd2'`))
}

func TestTheJournalIsInsertOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.journal().write(w.ctx, []*intakev1.Delivery{delivery("d1", "x")}))
	for _, change := range []string{
		`UPDATE journal.deliveries SET topic = 'x'`, `DELETE FROM journal.deliveries`, `TRUNCATE journal.deliveries`,
		`UPDATE journal.deliveries_20260301 SET topic = 'x'`, `DELETE FROM journal.deliveries_20260301`, `TRUNCATE journal.deliveries_20260301`,
		`DELETE FROM journal.conflicts`,
	} {
		_, err := w.pool.Exec(w.ctx, change)
		require.ErrorContains(t, err, "insert only", change)
	}
	assert.Equal(t, int64(1), one1[int64](w, `SELECT count(*) FROM journal.deliveries`))
}

func TestDaysAreMadeAheadAndDroppedWhenTheyAreOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.journal()
	old, fresh := delivery("d1", "old", at(noon.AddDate(0, 0, -40))), delivery("d2", "new", at(noon))
	require.NoError(t, j.write(w.ctx, []*intakev1.Delivery{old, fresh}))
	require.NoError(t, j.keepDays(w.ctx, noon))
	require.NoError(t, j.keepDays(w.ctx, noon), "again")
	assert.Equal(t, []string{"deliveries_20260301", "deliveries_20260302", "deliveries_20260303", "deliveries_20260304"},
		w.strings(`SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'journal.deliveries'::regclass ORDER BY 1`))
	assert.Equal(t, "d2", one1[string](w, `SELECT provider_event_id FROM read.webhook_events`))
	assert.Equal(t, uuid.UUID(fresh.GetId()).String(), one1[string](w, `SELECT entity_id::text FROM orderflow.keys`), "the key went with the body")
}

func TestDeliveriesReachTheJournalAndWhatIsNoneIsBuried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	// It is the day on which they came: on a later one the journal's own housekeeping may drop that day before we look.
	clock := func() time.Time { return noon }
	j := newJournal(host.Deps{Pool: w.pool, Vault: w.vault, JS: js, Bus: bus.NewPublisher(js), Clock: clock, Log: zerolog.Nop()}, Config{JournalRetention: 90 * 24 * time.Hour})
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	for _, d := range []*intakev1.Delivery{delivery("d1", "one"), delivery("d2", "two"), delivery("d1", "one")} {
		data, err := proto.Marshal(d)
		require.NoError(t, err)
		_, err = js.PublishMsg(w.ctx, &nats.Msg{Subject: bus.IntakeSubject(d), Data: data})
		require.NoError(t, err)
	}
	_, err := js.PublishMsg(w.ctx, &nats.Msg{Subject: "intake.0.shopify.-.-.-.-", Data: []byte("no delivery")})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		dead, err := bus.DeadMessages(w.ctx, js)
		return err == nil && len(dead) == 1 && one1[int64](w, `SELECT count(*) FROM journal.deliveries`) == 2
	}, 20*time.Second, 20*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}
