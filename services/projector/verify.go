package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/seal"
)

// Report is what a verification found.
type Report struct {
	Orders   int       `json:"orders"`
	SKUs     int       `json:"skus"`
	Events   int       `json:"events"`
	Found    int       `json:"found"`    // of which Findings lists the first ones
	Findings []Finding `json:"findings"` // what is not as it should be
	// Behind is how many entities were merely behind and had caught up when they were looked at again.
	Behind int           `json:"behind"`
	Money  []Sum         `json:"money"`
	Took   time.Duration `json:"took_ns"`
}

// OK says that everything is as it should be.
func (r Report) OK() bool { return r.Found == 0 }

// Finding is one thing that is not as it should be. It holds no personal datum: it names columns and not what stands in
// them.
type Finding struct {
	Kind   string `json:"kind"` // gap, fold, differs, missing, orphan, behind, money, stock, payment
	Entity string `json:"entity,omitempty"`
	Table  string `json:"table,omitempty"`
	What   string `json:"what"`
}

// Sum is the money of all orders in one currency, as the fold says and as the table says.
type Sum struct {
	Currency      string `json:"currency"`
	Orders        int64  `json:"orders"`
	PaidMinor     string `json:"paid_minor"` // as text: a sum over many orders need not fit 64 bits
	RefundedMinor string `json:"refunded_minor"`
	// TwiceMinor is how much of PaidMinor was told for another order as well, and counts here once a person says so: it
	// stands in the sum a second time.
	TwiceMinor int64 `json:"twice_minor,omitempty" db:"-"`
}

// Check is something else to be proved from the same snapshot.
type Check struct {
	// Visit sees every order as it is folded.
	Visit func(*order.State)
	// Finish runs when every order was visited, in the transaction that read them.
	Finish func(ctx context.Context, tx pgx.Tx) ([]Finding, error)
}

// mostFindings is how many findings are listed; all are counted.
const mostFindings = 200

// Verify proves, on a running system and from one snapshot, that every order folds without a gap, that the live tables
// are byte for byte what the events come to, and that no order gave back more than it got. Rows that are merely behind
// are looked at again.
func Verify(
	ctx context.Context, pool *pgxpool.Pool, store *eventstore.Store, vault *seal.Vault, progress func(done, total int), checks ...Check,
) (Report, error) {
	started := time.Now()
	v := &verification{
		projection: newProjection(pool, store, vault, zerolog.Nop(), nil), progress: progress, checks: checks,
		behind: map[ident.Entity]family{}, twice: map[string]int64{},
	}
	err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error { return v.run(ctx, tx) })
	if err == nil {
		err = v.lookAgain(ctx)
	}
	if err != nil {
		return v.report, fmt.Errorf("verify: %w", err)
	}
	v.report.Took = time.Since(started)
	return v.report, nil
}

type verification struct {
	*projection
	progress   func(done, total int)
	checks     []Check
	generation int
	total      int
	report     Report
	behind     map[ident.Entity]family
	twice      map[string]int64 // by currency
}

func (v *verification) found(f Finding) {
	v.report.Found++
	if len(v.report.Findings) < mostFindings {
		v.report.Findings = append(v.report.Findings, f)
	}
}

func (v *verification) run(ctx context.Context, tx pgx.Tx) error {
	if err := v.prepare(ctx, tx); err != nil {
		return err
	}
	const count = `SELECT (SELECT count(*) FROM (SELECT DISTINCT entity_id FROM orderflow.events WHERE category <> 'stock') e)
		+ (SELECT count(*) FROM orderflow.snapshots WHERE category = 'stock')`
	if err := tx.QueryRow(ctx, count).Scan(&v.total); err != nil {
		return fmt.Errorf("count what there is: %w", err)
	}
	for _, f := range families {
		if err := v.every(ctx, tx, f); err != nil {
			return err
		}
		if err := v.orphans(ctx, tx, f); err != nil {
			return err
		}
	}
	if err := v.money(ctx, tx); err != nil {
		return err
	}
	for _, c := range v.checks {
		if c.Finish == nil {
			continue
		}
		findings, err := c.Finish(ctx, tx)
		if err != nil {
			return err
		}
		for _, f := range findings {
			v.found(f)
		}
	}
	return nil
}

// prepare makes a table beside each live one for what is folded now, and keeps the live ones from being dropped.
func (v *verification) prepare(ctx context.Context, tx pgx.Tx) error {
	var err error
	if v.generation, err = live(ctx, tx, unlocked); err != nil {
		return err
	}
	for _, f := range families {
		for _, t := range f.tables {
			if _, err := tx.Exec(ctx, `LOCK TABLE `+t.in(v.generation)+` IN ACCESS SHARE MODE`); err != nil {
				return fmt.Errorf("look at %s: %w", t.name, err)
			}
			if _, err := tx.Exec(ctx, `CREATE TEMP TABLE `+fresh(t)+` (LIKE `+t.in(v.generation)+`) ON COMMIT DROP`); err != nil {
				return fmt.Errorf("fold beside %s: %w", t.name, err)
			}
		}
	}
	return nil
}

// fresh is the table that holds what was folded just now.
func fresh(t table) string { return "fresh_" + t.name }

func (v *verification) every(ctx context.Context, tx pgx.Tx, f family) error {
	var after ident.Entity
	for {
		ids, err := entitiesAfter(ctx, tx, f, after, batchMost)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		if err := v.page(ctx, tx, f, ids); err != nil {
			return err
		}
		if v.progress != nil {
			done := v.report.Orders + v.report.SKUs
			v.progress(done, max(v.total, done))
		}
	}
}

func (v *verification) page(ctx context.Context, tx pgx.Tx, f family, ids []ident.Entity) error {
	out, err := v.fold(ctx, eventstore.Within(tx), f, ids)
	if err != nil {
		return err
	}
	if f.name == stockFamily.name {
		v.report.SKUs += len(out.folded) + len(out.failed)
	} else {
		v.report.Orders += len(out.folded) + len(out.failed)
		v.report.Events += out.events
	}
	for id, cause := range out.failed {
		kind := "fold"
		if errors.Is(cause, order.ErrGap) {
			kind = "gap"
		}
		v.found(Finding{Kind: kind, Entity: id.String(), What: cause.Error()})
	}
	for _, s := range out.states {
		v.visit(s)
	}
	differences, err := v.differences(ctx, tx, f, out)
	if err != nil {
		return err
	}
	for _, d := range differences {
		if d.isBehind {
			v.behind[d.entity] = f
		} else {
			v.found(d.Finding)
		}
	}
	return nil
}

func (v *verification) visit(s *order.State) {
	f := s.Funds()
	if f.Captured < 0 || f.Refunded < 0 || f.Captured > 0 && f.Refunded > f.Captured {
		v.found(Finding{Kind: "money", Entity: s.ID.String(), What: fmt.Sprintf("%d captured and %d refunded, minor units of %s", f.Captured, f.Refunded, f.Currency)})
	}
	if told := s.Payment.ElsewhereAmount; s.PaidElsewhere() && told.GetCurrency() == f.Currency {
		v.twice[f.Currency] = order.Add(v.twice[f.Currency], told.GetMinorUnits())
	}
	for _, c := range v.checks {
		if c.Visit != nil {
			c.Visit(s)
		}
	}
}

// difference is a finding that may only be lateness.
type difference struct {
	Finding
	entity   ident.Entity
	isBehind bool
}

// differences writes what was folded beside the live tables and compares the two as text, row by row.
func (v *verification) differences(ctx context.Context, tx pgx.Tx, f family, out outcome) ([]difference, error) {
	if len(out.folded) == 0 {
		return nil, nil
	}
	batch := &pgx.Batch{}
	ids := make([]uuid.UUID, len(out.folded))
	for i, e := range out.folded {
		ids[i] = uuid.UUID(e.entity)
	}
	for i, t := range f.tables {
		batch.Queue(`TRUNCATE ` + fresh(t))
		queueInsert(batch, t, fresh(t), out.folded, i)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("fold beside %s: %w", f.name, err)
	}
	behind, err := v.notAsFar(ctx, tx, f, ids)
	if err != nil {
		return nil, err
	}
	var all []difference
	for _, t := range f.tables {
		found, err := v.differencesOf(ctx, tx, t, ids)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			if d.isBehind = behind[d.entity]; d.isBehind && t.name != f.guard().name {
				continue // the guard's difference stands for it
			}
			all = append(all, d)
		}
	}
	return all, nil
}

// notAsFar are the entities of which the live tables show fewer events than there are, or none at all.
func (v *verification) notAsFar(ctx context.Context, tx pgx.Tx, f family, ids []uuid.UUID) (map[ident.Entity]bool, error) {
	g := f.guard()
	rows, err := tx.Query(ctx, `SELECT n.`+g.key()+` FROM `+fresh(g)+` n LEFT JOIN `+g.in(v.generation)+` l USING (`+g.key()+`)
		WHERE n.`+g.key()+` = ANY($1) AND (l.events_seen IS NULL OR l.events_seen < n.events_seen OR l.fold_version < n.fold_version)`, ids)
	if err != nil {
		return nil, fmt.Errorf("look for what is behind: %w", err)
	}
	late, err := collectEntities(rows)
	behind := make(map[ident.Entity]bool, len(late))
	for _, id := range late {
		behind[id] = true
	}
	return behind, err
}

func (v *verification) differencesOf(ctx context.Context, tx pgx.Tx, t table, ids []uuid.UUID) ([]difference, error) {
	on := "l." + t.key() + " = n." + t.key()
	at := "''"
	if len(t.columns) > 1 && t.columns[1].name == "position" {
		on += " AND l.position = n.position"
		at = "' ' || coalesce(l.position, n.position)"
	}
	rows, err := tx.Query(ctx, `SELECT coalesce(l.`+t.key()+`, n.`+t.key()+`), `+at+`, l.`+t.key()+` IS NULL, n.`+t.key()+` IS NULL,
		coalesce((SELECT string_agg(a.key, ', ' ORDER BY a.key) FROM jsonb_each_text(to_jsonb(l)) a JOIN jsonb_each_text(to_jsonb(n)) b USING (key)
			WHERE a.value IS DISTINCT FROM b.value), '')
		FROM (SELECT * FROM `+t.in(v.generation)+` WHERE `+t.key()+` = ANY($1)) l FULL JOIN `+fresh(t)+` n ON `+on+`
		WHERE l::text IS DISTINCT FROM n::text`, ids)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", t.name, err)
	}
	var id uuid.UUID
	var position, columns string
	var noLive, noFresh bool
	var all []difference
	_, err = pgx.ForEachRow(rows, []any{&id, &position, &noLive, &noFresh, &columns}, func() error {
		d := difference{Finding{Kind: "differs", Entity: id.String(), Table: t.name, What: "row" + position + " differs in " + columns}, ident.Entity(id), false}
		switch {
		case noLive:
			d.Kind, d.What = "missing", "row"+position+" is missing"
		case noFresh:
			d.Kind, d.What = "orphan", "row"+position+" does not follow from the events"
		}
		all = append(all, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", t.name, err)
	}
	return all, nil
}

// orphans are live rows of entities of which nothing is recorded.
func (v *verification) orphans(ctx context.Context, tx pgx.Tx, f family) error {
	known := `SELECT 1 FROM orderflow.events e WHERE e.category <> 'stock' AND e.entity_id = t.`
	if f.name == stockFamily.name {
		known = `SELECT 1 FROM orderflow.snapshots e WHERE e.category = 'stock' AND e.entity_id = t.`
	}
	for _, t := range f.tables {
		rows, err := tx.Query(ctx, `SELECT DISTINCT t.`+t.key()+` FROM `+t.in(v.generation)+` t WHERE NOT EXISTS (`+known+t.key()+`)`)
		if err != nil {
			return fmt.Errorf("look for orphans in %s: %w", t.name, err)
		}
		ids, err := collectEntities(rows)
		if err != nil {
			return err
		}
		for _, id := range ids {
			v.found(Finding{Kind: "orphan", Entity: id.String(), Table: t.name, What: "nothing is recorded of it"})
		}
	}
	return nil
}

// money sums what the table says. That the rows are the fold's was compared before, one by one.
func (v *verification) money(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT coalesce(currency, ''), count(*), sum(paid_minor::numeric)::text, sum(refunded_minor::numeric)::text
		FROM `+orders.in(v.generation)+` GROUP BY 1 ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("sum the money: %w", err)
	}
	v.report.Money, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Sum])
	if err != nil {
		return fmt.Errorf("sum the money: %w", err)
	}
	for i := range v.report.Money {
		v.report.Money[i].TwiceMinor = v.twice[v.report.Money[i].Currency]
	}
	return nil
}

// What is behind is looked at again for as long as a running projector may reasonably take.
const (
	againEvery = 200 * time.Millisecond
	againFor   = 30 * time.Second
)

// lookAgain gives what was behind time to catch up, and then compares it as it is now.
func (v *verification) lookAgain(ctx context.Context) error {
	end := time.Now().Add(againFor)
	late := len(v.behind)
	for {
		still := map[ident.Entity]family{}
		var found []difference
		for _, f := range families {
			var ids []ident.Entity
			for id, of := range v.behind {
				if of.name == f.name {
					ids = append(ids, id)
				}
			}
			slices.SortFunc(ids, func(a, b ident.Entity) int { return strings.Compare(a.String(), b.String()) })
			again, err := v.compareNow(ctx, f, ids)
			if err != nil {
				return err
			}
			for _, d := range again {
				if d.isBehind {
					still[d.entity] = f
				} else {
					found = append(found, d)
				}
			}
		}
		for _, d := range found {
			v.found(d.Finding)
		}
		v.behind = still
		if len(still) == 0 || time.Now().After(end) {
			break
		}
		select {
		case <-time.After(againEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	v.report.Behind = late - len(v.behind)
	for id := range v.behind {
		v.found(Finding{Kind: "behind", Entity: id.String(), What: "is still not projected: does the projector run?"})
	}
	return nil
}

func (v *verification) compareNow(ctx context.Context, f family, ids []ident.Entity) (all []difference, err error) {
	for len(ids) > 0 {
		n := min(len(ids), batchMost)
		err = pgx.BeginTxFunc(ctx, v.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
			if err := v.prepare(ctx, tx); err != nil {
				return err
			}
			out, err := v.fold(ctx, eventstore.Within(tx), f, ids[:n])
			if err != nil {
				return err
			}
			found, err := v.differences(ctx, tx, f, out)
			all = append(all, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return all, nil
}
