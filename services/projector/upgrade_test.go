package projector

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// unread is a delivery that an older build could not read.
func unread(providerID, body string, change ...func(*intakev1.Delivery)) *intakev1.Delivery {
	return delivery(providerID, body, append([]func(*intakev1.Delivery){func(d *intakev1.Delivery) {
		d.Facts, d.Reader, d.Quarantine = nil, "v1", &intakev1.Quarantine{Reason: "bad_value", Detail: "it is too new"}
	}}, change...)...)
}

// reads makes a source whose reading changed: this build understands the bodies that begin so.
func reads(build string, understood ...string) Reader {
	return Reader{
		Build: func() string { return build },
		Read: func(_ map[string]string, kept *intakev1.Delivery, _ int64) (*intakev1.Delivery, error) {
			d := proto.CloneOf(kept)
			d.Reader, d.Facts = build, nil
			for _, word := range understood {
				if bytes.HasPrefix(kept.GetBody(), []byte(word)) {
					d.Quarantine = nil
					d.Facts = []*intakev1.Fact{{
						Order: &typev1.OrderKey{Source: kept.GetSource(), Account: kept.GetAccount(), Id: kept.GetDeliveryId()},
						Body:  &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{Number: kept.GetDeliveryId()}},
					}}
				}
			}
			if bytes.HasPrefix(kept.GetBody(), []byte("broken")) {
				return nil, errors.New("the normaliser panicked")
			}
			return d, nil
		},
	}
}

// upgraded is a build that runs for the first time.
func (w *world) upgraded(js jetstream.JetStream, r Reader) *upgrade {
	u := newUpgrade(host.Deps{
		Pool: w.pool, Vault: w.vault, JS: js, Bus: bus.NewPublisher(js), Clock: time.Now, Log: zerolog.Nop(), Registry: prometheus.NewRegistry(),
	}, r)
	u.page, u.pace = 2, 0
	return u
}

// published are the readings in INTAKE.
func published(t *testing.T, js jetstream.JetStream) []*intakev1.Delivery {
	t.Helper()
	stream, err := js.Stream(t.Context(), bus.Intake)
	require.NoError(t, err)
	var all []*intakev1.Delivery
	for n := uint64(1); n <= stream.CachedInfo().State.LastSeq; n++ {
		m, err := stream.GetMsg(t.Context(), n)
		require.NoError(t, err)
		d := &intakev1.Delivery{}
		require.NoError(t, proto.Unmarshal(m.Data, d))
		assert.Equal(t, ident.Reading(ident.Delivery(d.GetId()), d.GetRevision()).String(), m.Header.Get(nats.MsgIdHdr), "it has an identity of its own")
		all = append(all, d)
	}
	return all
}

func TestAfterAnUpgradeWhatWasNotUnderstoodIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	j := w.journal()
	require.NoError(t, j.write(w.ctx, []*intakev1.Delivery{
		unread("d1", "new: one"), unread("d2", "new: two", at(noon.Add(-25*time.Hour))), unread("d3", "newer"), unread("d4", "broken"), unread("d5", "new: erased"),
		unread("d6", "new: its own", func(d *intakev1.Delivery) { d.Reader = "v2" }), delivery("d7", "new: accepted"),
		unread("d8", "new: later", at(time.Now().Add(time.Hour))),
	}))
	require.NoError(t, w.vault.Erase(w.ctx, ident.Entity(unread("d5", "new: erased").GetId())))

	second := w.upgraded(js, reads("v2", "new:"))
	require.NoError(t, second.once(w.ctx))
	again := published(t, js)
	require.Len(t, again, 2)
	slices.SortFunc(again, func(a, b *intakev1.Delivery) int { return -strings.Compare(a.GetDeliveryId(), b.GetDeliveryId()) })
	assert.Equal(t, "d2", again[0].GetDeliveryId())
	assert.Equal(t, unread("d1", "new: one").GetId(), again[1].GetId(), "the same delivery")
	assert.Equal(t, uint32(1), again[1].GetRevision(), "read again")
	assert.Equal(t, "new: one", string(again[1].GetBody()))
	assert.Equal(t, noon, again[1].GetReceivedAt().AsTime(), "which came when it came")
	assert.Len(t, again[1].GetFacts(), 1)
	assert.Equal(t, "5/2", one1[string](w, `SELECT looked || '/' || changed FROM journal.rereadings WHERE reader = 'v2' AND ended_at IS NOT NULL`))
	assert.Equal(t, map[string]float64{"changed": 2, "same": 1, "failed": 1, "erased": 1}, counted(t, second.results))

	// The journal takes it, beside what was read before.
	require.NoError(t, j.write(w.ctx, again))
	assert.Equal(t, []string{"0 quarantined v1", "1 accepted v2"}, w.strings(`SELECT revision || ' ' || outcome || ' ' || reader FROM read.webhook_events WHERE provider_event_id = 'd1' ORDER BY 1`))

	// The same build, started again, looks at nothing; another one looks at what is still not understood, and no further.
	require.NoError(t, w.upgraded(js, reads("v2", "new")).once(w.ctx))
	require.Len(t, published(t, js), 2)
	third := w.upgraded(js, reads("v3", "new"))
	require.NoError(t, third.once(w.ctx))
	again = published(t, js)
	require.Len(t, again, 4)
	assert.Equal(t, map[string]float64{"changed": 2, "failed": 1, "erased": 1}, counted(t, third.results))
}

// counted is a counter's values by result.
func counted(t *testing.T, c *prometheus.CounterVec) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "result" {
					values[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return values
}

func TestReadingAgainIsInterruptedAndGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	var deliveries []*intakev1.Delivery
	for n := range 7 {
		deliveries = append(deliveries, unread(string(rune('a'+n)), "new: "+string(rune('a'+n)), at(noon.Add(time.Duration(n)*time.Second))))
	}
	require.NoError(t, w.journal().write(w.ctx, deliveries))
	u := w.upgraded(js, reads("v2", "new:"))
	publish, calls := u.publish, 0
	u.publish = func(ctx context.Context, messages []*nats.Msg) error {
		calls++
		if calls == 3 {
			return errors.New("the broker is away")
		}
		return publish(ctx, messages)
	}
	require.ErrorContains(t, u.once(w.ctx), "the broker is away")
	assert.Equal(t, int64(4), one1[int64](w, `SELECT looked FROM journal.rereadings`))

	// Two replicas go on: each delivery is published once all the same.
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { assert.NoError(t, w.upgraded(js, reads("v2", "new:")).once(w.ctx)) })
	}
	both.Wait()
	assert.Len(t, published(t, js), 7)
	assert.Equal(t, "7/7", one1[string](w, `SELECT looked || '/' || changed FROM journal.rereadings`))
}

func TestReadingAgainIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	require.NoError(t, w.journal().write(w.ctx, []*intakev1.Delivery{unread("a", "new: a"), unread("b", "new: b"), unread("c", "new: c"), unread("d", "new: d")}))
	u := w.upgraded(js, reads("v2", "new:"))
	u.most = 3
	require.NoError(t, u.once(w.ctx))
	assert.Len(t, published(t, js), 3)

	stream, err := js.Stream(w.ctx, bus.Intake)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.MaxBytes = int64(stream.CachedInfo().State.Bytes) + 10
	_, err = js.UpdateStream(w.ctx, config)
	require.NoError(t, err)
	room, err := u.room(w.ctx)
	require.NoError(t, err)
	assert.False(t, room, "webhooks that come now need it")
}
