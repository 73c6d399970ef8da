package orderctl

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/stripe/events"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// reconciler is one run.
type reconciler struct {
	s        *system
	flags    reconciling
	out      outlet
	done     *reconciled
	settings map[string]string
	now      time.Time
}

func (j *reconciler) run(ctx context.Context, key string) error {
	var some []*events.Event
	err := events.List(ctx, events.Query{URL: j.flags.api, Key: key, Since: j.flags.since, Until: j.flags.until, Undelivered: j.flags.failed}, func(e *events.Event) error {
		if some = append(some, e); len(some) < events.PageMost {
			return nil
		}
		err := j.look(ctx, some)
		some = nil
		return err
	})
	if err != nil {
		return err
	}
	return j.look(ctx, some)
}

// look compares some events with the journal.
func (j *reconciler) look(ctx context.Context, sent []*events.Event) error {
	kept, err := j.kept(ctx, sent)
	if err != nil {
		return err
	}
	var messages []*nats.Msg
	for _, e := range sent {
		j.done.Sent++
		if kept[e.ID] {
			j.done.Kept++
			continue
		}
		m, err := j.missing(e)
		if err != nil {
			return err
		}
		if m != nil {
			messages = append(messages, m)
		}
	}
	if j.flags.fetch {
		if err := j.out.publish(ctx, messages); err != nil {
			return err
		}
		j.done.Fetched += len(messages)
	}
	return nil
}

// kept are the events that the journal has.
func (j *reconciler) kept(ctx context.Context, sent []*events.Event) (map[string]bool, error) {
	ids, topics := make([]string, len(sent)), make([]string, len(sent))
	for i, e := range sent {
		ids[i], topics[i] = e.ID, e.Type
	}
	rows, err := j.s.pool.Query(ctx, `SELECT DISTINCT provider_delivery_id FROM journal.deliveries
		WHERE source = $1 AND account = $2 AND topic = ANY($3) AND provider_delivery_id = ANY($4)`, j.flags.source, j.flags.account, topics, ids)
	if err != nil {
		return nil, fmt.Errorf("look for events in the journal: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for events in the journal: %w", err)
	}
	kept := map[string]bool{}
	for _, id := range found {
		kept[id] = true
	}
	return kept, nil
}

// missing notes an event that we never got, and makes the delivery of it; nil if it means nothing for us.
func (j *reconciler) missing(e *events.Event) (*nats.Msg, error) {
	d, err := ingress.Fetched(j.settings, j.flags.source, j.flags.account, source.Request{
		URL: strings.TrimSuffix(j.flags.api, "/") + "/v1/events", Header: http.Header{}, Body: e.Body, ReceivedAt: j.now.Truncate(time.Microsecond),
	}, largestMessage)
	if err != nil {
		return nil, err
	}
	m := missingView{
		ID: e.ID, Type: e.Type, CreatedAt: time.Unix(e.Created, 0).UTC(), Test: d.GetTest(), Outcome: outcomeOf(d), Reason: d.GetQuarantine().GetReason(),
	}
	for _, f := range d.GetFacts() {
		m.Says = append(m.Says, factWords(f))
	}
	if m.Outcome == outcomeNothing || m.Reason == source.UnknownTopic && len(d.GetFacts()) == 0 {
		m.Outcome = outcomeNothing
		j.done.Nothing++
		if j.flags.all {
			j.done.Missing = append(j.done.Missing, m)
		}
		return nil, nil //nolint:nilnil // nothing in it for any service
	}
	j.done.Missing = append(j.done.Missing, m)
	return arriving(d)
}

// arriving is a delivery as the ingress publishes it.
func arriving(d *intakev1.Delivery) (*nats.Msg, error) {
	data, err := proto.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w", asUUID(d.GetId()), err)
	}
	return &nats.Msg{Subject: bus.IntakeSubject(d), Data: data, Header: nats.Header{nats.MsgIdHdr: []string{ident.Delivery(d.GetId()).String()}}}, nil
}
