package orderctl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

// inFlight is how many commands are on their way at once: enough to fill inventory's batches, few enough to be patient
// with.
const inFlight = 1000

// outcomes is what became of lines of stock.
type outcomes struct {
	Applied int           `json:"applied"`
	Refused []refusedLine `json:"refused"`
	Levels  []levelView   `json:"levels,omitempty"`
	waiting map[ident.Cause]stockLine
}

type refusedLine struct {
	stockLine
	Reason string `json:"reason"`
}

// move sends lines to inventory, some hundreds at a time, and waits until every one of them was answered.
func (s *system) move(c *cobra.Command, m movement, a asked, lines []stockLine) error {
	o := outcomes{Refused: []refusedLine{}}
	bar := newProgress(c.ErrOrStderr(), "stock "+m.verb)
	err := broker(c.Context(), s.Running, func(ctx context.Context, js jetstream.JetStream) error {
		for part := range slices.Chunk(lines, inFlight) {
			if err := s.movePart(ctx, js, m, a, part, &o, func() { bar.at(o.Applied+len(o.Refused), len(lines)) }, len(lines)); err != nil {
				return err
			}
		}
		return nil
	})
	bar.end()
	if err != nil {
		if sent := o.Applied + len(o.Refused); sent > 0 {
			return fmt.Errorf("%w (%d of %s answered)", err, sent, areIs(len(lines), "line"))
		}
		return err
	}
	if len(lines) == 1 {
		if o.Levels, err = s.levels(c.Context(), []ident.Entity{ident.SKU(lines[0].SKU)}); err != nil {
			return err
		}
	}
	return o.tell(c, m)
}

func (s *system) movePart(ctx context.Context, js jetstream.JetStream, m movement, a asked, part []stockLine, o *outcomes, told func(), of int) error {
	ids := map[ident.Entity]bool{}
	for _, l := range part {
		ids[ident.SKU(l.SKU)] = true
	}
	before, err := s.store.Snapshots(ctx, event.Stock, slices.Collect(maps.Keys(ids)))
	if err != nil {
		return err
	}
	versions := make(map[ident.Entity]int, len(ids))
	for id := range ids {
		versions[id] = before[id].Version
	}
	if o.waiting, err = publishLines(ctx, js, m, a, part); err != nil {
		return err
	}
	return s.await(ctx, versions, o, told, patience(a, of))
}

// publishLines sends commands side by side and returns when all of them are durable.
func publishLines(ctx context.Context, js jetstream.JetStream, m movement, a asked, part []stockLine) (map[ident.Cause]stockLine, error) {
	waiting := make(map[ident.Cause]stockLine, len(part))
	futures := make([]jetstream.PubAckFuture, 0, len(part))
	for _, l := range part {
		cmd := a.command(ident.SKU(l.SKU))
		m.fill(cmd, l)
		msg, err := message(serviceInventory, cmd)
		if err != nil {
			return nil, err
		}
		future, err := js.PublishMsgAsync(msg)
		if err != nil {
			return nil, fmt.Errorf("ask inventory: %w", err)
		}
		futures = append(futures, future)
		waiting[ident.Cause(cmd.GetId())] = l
	}
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return nil, fmt.Errorf("ask inventory: %w", err)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return waiting, nil
}

// await looks for the events that answer, until there is one for every line or none has come for too long.
func (s *system) await(ctx context.Context, above map[ident.Entity]int, o *outcomes, told func(), patience time.Duration) error {
	latest := time.Now()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for len(o.waiting) > 0 {
		left := len(o.waiting)
		if err := s.collect(ctx, above, o); err != nil {
			return err
		}
		told()
		switch {
		case len(o.waiting) < left:
			latest = time.Now()
		case time.Since(latest) > patience:
			return fmt.Errorf("inventory has not answered within %s: %s sent and carried out as soon as it runs; look again with 'orderctl stock show'",
				span(patience), areIs(len(o.waiting), "command"))
		}
		if len(o.waiting) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return nil
}

// collect reads what was appended to the SKUs above the versions that were seen before, and moves these on. A SKU's
// stream has no end, so that only its newest part is read.
func (s *system) collect(ctx context.Context, above map[ident.Entity]int, o *outcomes) error {
	ids, versions := make([]uuid.UUID, 0, len(above)), make([]int32, 0, len(above))
	for id, version := range above {
		ids, versions = append(ids, uuid.UUID(id)), append(versions, int32(version)) //nolint:gosec // versions of a stream are int32
	}
	rows, err := s.pool.Query(ctx, `SELECT e.entity_id, e.version, e.type, e.data, e.cause_id FROM unnest($1::uuid[], $2::int[]) AS s (id, above)
		CROSS JOIN LATERAL (SELECT * FROM orderflow.events e WHERE e.entity_id = s.id AND e.category = 'stock' AND e.version > s.above
		                    ORDER BY e.version OFFSET 0) AS e`, ids, versions)
	if err != nil {
		return fmt.Errorf("look for answers: %w", err)
	}
	var e event.Recorded
	var entity, cause uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&entity, &e.Version, &e.Type, &e.Data, &cause}, func() error {
		above[ident.Entity(entity)] = max(above[ident.Entity(entity)], e.Version)
		l, ours := o.waiting[ident.Cause(cause)]
		if !ours {
			return nil
		}
		delete(o.waiting, ident.Cause(cause))
		e.Message, _ = event.Decode(e.Type, e.Data) // an unknown type is no refusal
		if refused := refusalIn([]event.Recorded{e}); refused != "" {
			o.Refused = append(o.Refused, refusedLine{l, refused})
		} else {
			o.Applied++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for answers: %w", err)
	}
	return nil
}

func (o outcomes) tell(c *cobra.Command, m movement) error {
	slices.SortFunc(o.Refused, func(a, b refusedLine) int { return a.Line - b.Line })
	var no error
	if len(o.Refused) > 0 {
		no = exitStatus{1, fmt.Sprintf("orderctl: %s refused", areIs(len(o.Refused), "line"))}
	}
	if wantsJSON(c) {
		return errors.Join(printJSON(c, o), no)
	}
	out := c.OutOrStdout()
	if len(o.Refused) == 1 && o.Applied == 0 {
		return exitStatus{1, "orderctl: refused: " + visible(o.Refused[0].Reason)}
	}
	if len(o.Refused) > 0 {
		rows := [][]string{{"LINE", "SKU", "LOCATION", "QUANTITY", "REFUSED BECAUSE"}}
		for _, r := range o.Refused {
			rows = append(rows, []string{strconv.Itoa(r.Line), r.SKU, dash(r.Location), strconv.FormatInt(r.Quantity, 10), r.Reason})
		}
		if err := table(out, rows...); err != nil {
			return err
		}
	}
	if len(o.Levels) > 0 {
		return errors.Join(printLevels(out, o.Levels), no)
	}
	fmt.Fprintf(out, "%s: %s applied\n", "stock "+m.verb, areIs(o.Applied, "line"))
	return no
}
