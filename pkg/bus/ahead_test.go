package bus_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
)

// lost is a broker that took deliveries, whose journal had all of them, and which a power cut has taken the latest from:
// its stream stands where it stood before, its durable where it stood then.
type lost struct {
	t    *testing.T
	dir  string
	js   jetstream.JetStream
	stop func()
}

func (l *lost) start() {
	l.t.Helper()
	l.js, l.stop = server(l.t, l.dir)
	require.NoError(l.t, bus.Provision(l.t.Context(), l.js, bus.StreamOptions{}))
}

func (l *lost) publish(n int) {
	l.t.Helper()
	for range n {
		_, err := l.js.Publish(l.t.Context(), "intake.1.shopify.order.-.-.-", []byte("a delivery"))
		require.NoError(l.t, err)
	}
}

// take consumes with the journal's durable until it has had so many.
func (l *lost) take(n int) (sequences []uint64) {
	l.t.Helper()
	got := make(chan uint64, 100)
	c, err := bus.Consume(l.t.Context(), l.js, bus.JournalDurable(), func(m jetstream.Msg) {
		meta, err := m.Metadata()
		if err == nil && m.DoubleAck(context.Background()) == nil {
			got <- meta.Sequence.Stream
		}
	}, func(error) {})
	require.NoError(l.t, err)
	for range n {
		sequences = append(sequences, <-got)
	}
	c.Stop()
	return sequences
}

func (l *lost) messages() string {
	return filepath.Join(l.dir, "jetstream", "$G", "streams", bus.Intake, "msgs")
}

// loseTail publishes kept deliveries, then more, has all of them taken, and loses those that came later.
func loseTail(t *testing.T, kept, later int) *lost {
	t.Helper()
	l := &lost{t: t, dir: t.TempDir()}
	l.start()
	l.publish(kept)
	l.stop()
	before := t.TempDir()
	require.NoError(t, os.CopyFS(before, os.DirFS(l.messages())))
	l.start()
	l.publish(later)
	require.Len(t, l.take(kept+later), kept+later)
	l.stop()
	require.NoError(t, os.RemoveAll(l.messages()))
	require.NoError(t, os.CopyFS(l.messages(), os.DirFS(before)))
	l.start()
	stream, err := l.js.Stream(t.Context(), bus.Intake)
	require.NoError(t, err)
	require.Equal(t, uint64(kept), stream.CachedInfo().State.LastSeq, "the stream has lost its tail")
	return l
}

// A durable that stands ahead of its stream would pass over whatever comes until the stream is there again. It must not,
// also not over what comes before anybody has started to consume.
func TestADurableThatStoodAheadOfItsStreamMissesNothing(t *testing.T) {
	t.Parallel()
	l := loseTail(t, 2, 3)
	l.publish(2)
	got := l.take(2)
	for !slices.Contains(got, 4) {
		got = append(got, l.take(1)...)
	}
	assert.Contains(t, got, uint64(3))
	assert.Contains(t, got, uint64(4))
}

// A stream that was deleted takes its durables with it. Both are made again, and begin with what comes then.
func TestAStreamThatWasDeletedIsMadeAgainWithItsDurables(t *testing.T) {
	t.Parallel()
	l := &lost{t: t, dir: t.TempDir()}
	l.start()
	l.publish(3)
	require.Equal(t, []uint64{1, 2, 3}, l.take(3))
	require.NoError(t, l.js.DeleteStream(t.Context(), bus.Intake))
	l.stop()
	l.start()
	l.publish(2)
	assert.Equal(t, []uint64{1, 2}, l.take(2))
}

// Deleted while somebody consumes, too: it goes on when both are there again, and no process has to be started anew.
func TestAConsumptionOutlivesItsStream(t *testing.T) {
	t.Parallel()
	l := &lost{t: t, dir: t.TempDir()}
	l.start()
	got, told := make(chan struct{}, 10), make(chan error, 100)
	c, err := bus.Consume(t.Context(), l.js, bus.JournalDurable(), func(m jetstream.Msg) { _ = m.Ack(); got <- struct{}{} }, func(err error) { told <- err })
	require.NoError(t, err)
	l.publish(1)
	<-got
	require.NoError(t, l.js.DeleteStream(t.Context(), bus.Intake))
	require.ErrorIs(t, <-told, jetstream.ErrConsumerDeleted)
	require.ErrorContains(t, <-told, "stream INTAKE is missing")
	require.NoError(t, bus.Provision(t.Context(), l.js, bus.StreamOptions{}))
	l.publish(2)
	<-got
	<-got
	c.Stop()
}

// between is a broker at which something happens right after a stream was looked at.
type between struct {
	jetstream.JetStream
	happens func()
}

func (b between) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := b.JetStream.Stream(ctx, name)
	b.happens()
	return s, err
}

// A second replica begins while the first one acks what came since the second looked at the stream. Nothing was lost: the
// durable that they share is not made anew, which would deliver everything again.
func TestADurableThatIsBusyIsNotAheadOfItsStream(t *testing.T) {
	t.Parallel()
	l := &lost{t: t, dir: t.TempDir()}
	l.start()
	acked := make(chan struct{}, 10)
	take := func(js jetstream.JetStream) *bus.Consumption {
		c, err := bus.Consume(t.Context(), js, bus.JournalDurable(), func(m jetstream.Msg) {
			if m.DoubleAck(context.Background()) == nil {
				acked <- struct{}{}
			}
		}, func(error) {})
		require.NoError(t, err)
		return c
	}
	made := func() time.Time {
		c, err := l.js.Consumer(t.Context(), bus.Intake, bus.JournalDurable().Name)
		require.NoError(t, err)
		return c.CachedInfo().Created
	}
	first := take(l.js)
	l.publish(1)
	<-acked
	before := made()
	second := take(between{l.js, func() {
		l.publish(2)
		<-acked
		<-acked
	}})
	assert.Equal(t, before, made())
	second.Stop()
	first.Stop()
}
