package orderctl

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// The journal is read in pages, so that a replay of a month holds no more of it at a time than one of an hour.
const (
	pageMost  = 500
	pageBytes = 16 << 20
)

// page is some deliveries, in the order in which they came.
type page struct {
	deliveries []kept
	// superseded says of each whether a newer reading of it stands in the journal.
	superseded []bool
}

// replayer is one run of a replay.
type replayer struct {
	s        *system
	out      outlet
	settings map[string]string
	done     *replayed
	// most and bytes bound a page.
	most, bytes int
	// run is part of every message's id: a page that is sent a second time is not taken twice, and another run's is.
	run string
}

// replay goes through what is wanted and sends it.
func (s *system) replay(ctx context.Context, w wanted, out outlet, r *replayed, p *progress) error {
	job := &replayer{s: s, out: out, settings: s.readingSettings(), done: r, most: pageMost, bytes: pageBytes, run: nuid.Next()}
	if len(w.ids) > 0 {
		return job.named(ctx, w.ids)
	}
	return job.through(ctx, w, p)
}

// through goes through a range, page by page.
func (j *replayer) through(ctx context.Context, w wanted, p *progress) error {
	total, err := j.s.journalled(ctx, w)
	if err != nil {
		return err
	}
	after := position{at: w.since}
	for {
		next, err := j.next(ctx, w, after)
		if err != nil || len(next.deliveries) == 0 {
			return err
		}
		if err := j.send(ctx, next); err != nil {
			return err
		}
		after = positionOf(next.deliveries[len(next.deliveries)-1])
		p.at(j.done.Deliveries, total)
	}
}

// named sends single deliveries. All of them are looked up first, so that a wrong name sends nothing.
func (j *replayer) named(ctx context.Context, names []string) error {
	var p page
	seen := map[ident.Delivery]bool{}
	for _, name := range names {
		k, err := j.s.delivery(ctx, name)
		if err != nil {
			return err
		}
		if !seen[k.id] {
			seen[k.id] = true
			p.deliveries, p.superseded = append(p.deliveries, k), append(p.superseded, false)
		}
	}
	return j.send(ctx, p)
}

// position is where in the journal a page ends.
type position struct {
	at       time.Time
	id       uuid.UUID
	revision int64
}

func positionOf(k kept) position { return position{k.receivedAt, uuid.UUID(k.id), int64(k.revision)} }

func (s *system) journalled(ctx context.Context, w wanted) (total int, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM journal.deliveries WHERE received_at >= $1 AND received_at < $2 AND ($3 = '' OR source = $3)`,
		came(w.since), w.until, w.source).Scan(&total)
	if err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return total, nil
}

// came is a time that Postgres takes, also where none is told.
func came(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0)
	}
	return t
}

// next reads what came after a position. Bodies are large or small: their sum ends a page as well as their number.
func (j *replayer) next(ctx context.Context, w wanted, after position) (page, error) {
	rows, err := j.s.pool.Query(ctx, `SELECT `+keptColumns+`,
			EXISTS (SELECT FROM journal.deliveries n WHERE n.id = d.id AND n.revision > d.revision)
		FROM (
			SELECT d.*, row_number() OVER came AS n, sum(octet_length(d.body_sealed)) OVER came AS bytes
			FROM (
				SELECT * FROM journal.deliveries
				WHERE received_at >= $1 AND received_at < $2 AND (received_at, id, revision) > ($1, $3, $4) AND ($5 = '' OR source = $5)
				ORDER BY received_at, id, revision LIMIT $6
			) d WINDOW came AS (ORDER BY received_at, id, revision)
		) d WHERE n = 1 OR bytes <= $7 ORDER BY received_at, id, revision`,
		pgx.QueryExecModeCacheDescribe, // planned for these times: most days are not looked at
		came(after.at), w.until, after.id, after.revision, w.source, j.most, j.bytes)
	if err != nil {
		return page{}, fmt.Errorf("read the journal: %w", err)
	}
	var p page
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var superseded bool
		k, err := scanKept(row, &superseded)
		p.deliveries, p.superseded = append(p.deliveries, k), append(p.superseded, superseded)
		return struct{}{}, err
	})
	if err != nil {
		return page{}, fmt.Errorf("read the journal: %w", err)
	}
	return p, nil
}

// send sends what can be sent of a page, and counts the rest. It counts when it is sent: not before.
func (j *replayer) send(ctx context.Context, p page) error {
	if len(p.deliveries) == 0 {
		return nil
	}
	ids := make([]ident.Entity, len(p.deliveries))
	for i, k := range p.deliveries {
		ids[i] = ident.Entity(k.id)
	}
	if err := j.s.vault.Prefetch(ctx, ids); err != nil {
		return err
	}
	counted := *j.done
	var messages []*nats.Msg
	for i, k := range p.deliveries {
		counted.Deliveries++
		if p.superseded[i] {
			counted.Superseded++
			continue
		}
		d, err := j.read(ctx, k, &counted)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		m, err := j.message(d)
		if err != nil {
			return err
		}
		messages = append(messages, m)
		counted.Sent++
		counted.Facts += len(d.GetFacts())
	}
	if err := j.out.publish(ctx, messages); err != nil {
		return err
	}
	through := p.deliveries[len(p.deliveries)-1].receivedAt
	counted.Through = &through
	*j.done = counted
	return nil
}

// read makes the delivery that is to be sent; nil, and counted, if there is nothing to send.
func (j *replayer) read(ctx context.Context, k kept, r *replayed) (*intakev1.Delivery, error) {
	if k.outcome == outcomeQuarantined {
		r.Quarantined++
	}
	if k.facts == 0 {
		if k.outcome != outcomeQuarantined {
			r.Nothing++
		}
		return nil, nil //nolint:nilnil // nothing in it for any service
	}
	body, erased, err := j.s.body(ctx, k)
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	if erased {
		r.Erased++
		return nil, nil //nolint:nilnil // nothing can be read
	}
	var d *intakev1.Delivery
	if err == nil {
		d, err = k.again(body, j.settings)
	}
	if err != nil {
		r.leave(k, err)
		return nil, nil //nolint:nilnil // told at the end
	}
	if k.outcome == outcomeQuarantined {
		r.SentInPart++
	}
	return d, nil
}

func (j *replayer) message(d *intakev1.Delivery) (*nats.Msg, error) {
	data, err := proto.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", asUUID(d.GetId()), err)
	}
	id := fmt.Sprintf("replay-%s-%s-%d", j.run, asUUID(d.GetId()), d.GetRevision())
	return &nats.Msg{Subject: bus.IntakeSubject(d), Data: data, Header: nats.Header{"Nats-Msg-Id": []string{id}}}, nil
}
