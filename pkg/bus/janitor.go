package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// Janitor makes room in INTAKE, where reading frees nothing: it takes away what every durable has acked and is older
// than a day. When the stream fills up, what is acked goes before its day is over, the oldest first, so that a stream
// that is full of what was handled takes deliveries again by itself. What somebody has not acked stays, whatever
// happens: then the stream refuses, and the provider keeps the delivery.
type Janitor struct {
	JS  jetstream.JetStream
	Log zerolog.Logger
	// Keep and Every are how long what was handled stays, and how often it is looked at; zero means a day and two
	// seconds.
	Keep, Every time.Duration

	// seen is the end of the stream as it was a round ago: whoever has nothing left to do now has done all up to there,
	// even if his copy of the stream lagged a little.
	seen uint64
}

const (
	janitorKeeps = 24 * time.Hour
	janitorEvery = 2 * time.Second
	// fullAt is the share of the stream, in percent, above which room is made before the time has come.
	fullAt = 80
	// spare keeps the janitor from working for a handful of messages.
	spare = time.Minute
)

// Run makes room until ctx ends. Trouble with the broker is told once for as long as it lasts.
func (j *Janitor) Run(ctx context.Context) error {
	j.Keep, j.Every = orUsual(j.Keep, janitorKeeps), orUsual(j.Every, janitorEvery)
	tick := time.NewTicker(j.Every)
	defer tick.Stop()
	failing := false
	for {
		err := j.round(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			j.Log.Warn().Err(err).Msg("no room is made in INTAKE; tried again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func orUsual(d, usual time.Duration) time.Duration {
	if d == 0 {
		return usual
	}
	return d
}

// round looks once, and purges what may go.
func (j *Janitor) round(ctx context.Context) error {
	stream, err := j.JS.Stream(ctx, Intake)
	if err != nil {
		return fmt.Errorf("look at %s: %w", Intake, err)
	}
	info := stream.CachedInfo()
	state, seen := info.State, j.seen
	j.seen = state.LastSeq
	handled, err := j.handled(ctx, stream, min(seen, state.LastSeq))
	if err != nil || state.Msgs == 0 {
		return err
	}
	until := handled + 1 // the first that stays
	if limit := info.Config.MaxBytes; limit > 0 && state.Bytes*100 >= uint64(limit)*fullAt {
		// Half of it, the older one. If that is not enough, the next round takes half of the rest.
		until = min(until, state.FirstSeq+(state.Msgs+1)/2)
	} else if until, err = j.aged(ctx, stream, until); err != nil {
		return err
	}
	if until <= state.FirstSeq {
		return nil
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(until)); err != nil {
		return fmt.Errorf("make room in %s: %w", Intake, err)
	}
	return nil
}

// handled is the message up to which every durable has acked everything; 0 if somebody who has facts in the stream has
// no durable yet.
func (j *Janitor) handled(ctx context.Context, stream jetstream.Stream, seen uint64) (uint64, error) {
	listening := map[string]bool{}
	handled := seen
	consumers := stream.ListConsumers(ctx)
	for c := range consumers.Info() {
		if c.Config.Durable == "" {
			continue // somebody who looks on
		}
		for _, filter := range append(slices.Clone(c.Config.FilterSubjects), c.Config.FilterSubject) {
			listening[filter] = true
		}
		if c.NumPending > 0 || c.NumAckPending > 0 {
			handled = min(handled, c.AckFloor.Stream)
		}
	}
	if err := consumers.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return 0, fmt.Errorf("look at the durables of %s: %w", Intake, err)
	}
	wanted := []Durable{JournalDurable()}
	for _, o := range owners {
		wanted = append(wanted, FactsDurable("", o))
	}
	for _, d := range wanted {
		if !listening[d.Filters[0]] {
			return 0, nil
		}
	}
	return handled, nil
}

// aged is the first message from here back that is too young to go.
func (j *Janitor) aged(ctx context.Context, stream jetstream.Stream, until uint64) (uint64, error) {
	state := stream.CachedInfo().State
	before := time.Now().Add(-j.Keep)
	if until <= state.FirstSeq || !state.FirstTime.Before(before.Add(-min(spare, j.Keep/100))) {
		return state.FirstSeq, nil
	}
	var failure error
	n := sort.Search(int(until-state.FirstSeq), func(i int) bool { //nolint:gosec // messages of a week
		m, err := stream.GetMsg(ctx, state.FirstSeq+uint64(i)) //nolint:gosec // not negative
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			failure = fmt.Errorf("look for what is old in %s: %w", Intake, err)
		}
		return err == nil && !m.Time.Before(before)
	})
	return state.FirstSeq + uint64(n), failure //nolint:gosec // not negative
}
