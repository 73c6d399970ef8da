package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/seal"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// service is the name under which this service listens and marks what is stuck.
const service = "projector"

// projection reads entities, folds them and writes their rows.
type projection struct {
	pool  *pgxpool.Pool
	store *eventstore.Store
	vault *seal.Vault
	log   zerolog.Logger
	// foldVersion is FoldVersion, but where a test has two folds at work beside each other.
	foldVersion int
	// memory is what was written lately; only who writes the live generation has one.
	memory *memory
}

func newProjection(pool *pgxpool.Pool, store *eventstore.Store, vault *seal.Vault, log zerolog.Logger, m *memory) *projection {
	return &projection{pool: pool, store: store, vault: vault, log: log, foldVersion: FoldVersion, memory: m}
}

// source is where events are read: the store, or the store as one transaction sees it.
type source interface {
	Load(ctx context.Context, ids []ident.Entity) (map[ident.Entity][]event.Recorded, error)
	Snapshots(ctx context.Context, c event.Category, ids []ident.Entity) (map[ident.Entity]eventstore.Snapshot, error)
}

// outcome is what folding came to. What failed is an entity's own fault and leaves its neighbours alone.
type outcome struct {
	folded []folded
	states []*order.State
	events int
	failed map[ident.Entity]error
}

// fold reads entities of a family and folds each. Entities of which nothing is recorded come to nothing.
func (p *projection) fold(ctx context.Context, from source, f family, ids []ident.Entity) (outcome, error) {
	if f.name == stockFamily.name {
		return p.foldSKUs(ctx, from, ids)
	}
	out := outcome{failed: map[ident.Entity]error{}}
	loaded, err := from.Load(ctx, ids)
	if err != nil {
		return out, err
	}
	if err := p.vault.Prefetch(ctx, ids); err != nil {
		return out, err
	}
	for _, id := range ids {
		events := loaded[id]
		if len(events) == 0 {
			continue
		}
		out.events += len(events)
		rows, state, err := p.foldOrder(id, events, p.opener(ctx))
		if err != nil && p.away(ctx, err) {
			return out, err
		}
		if err != nil {
			out.failed[id] = err
			continue
		}
		if state.Order.Erased {
			p.vault.Forget(id)
		}
		out.folded, out.states = append(out.folded, rows), append(out.states, state)
	}
	return out, nil
}

// opener opens seals. It tries again at once: a key that cannot be read now is most often a connection that broke.
func (p *projection) opener(ctx context.Context) opener {
	return func(id ident.Entity, s *typev1.Sealed) (*typev1.Person, bool, error) {
		person, erased, err := p.vault.Open(ctx, id, s)
		if err != nil {
			person, erased, err = p.vault.Open(ctx, id, s)
		}
		return person, erased, err
	}
}

// away says that a seal did not open because the database is away, and not because of the seal.
func (p *projection) away(ctx context.Context, err error) bool {
	var s *sealError
	return errors.As(err, &s) && p.pool.Ping(ctx) != nil
}

func (p *projection) foldSKUs(ctx context.Context, from source, ids []ident.Entity) (outcome, error) {
	out := outcome{failed: map[ident.Entity]error{}}
	snapshots, err := from.Snapshots(ctx, event.Stock, ids)
	if err != nil {
		return out, err
	}
	for _, id := range ids {
		snapshot, ok := snapshots[id]
		if !ok {
			continue
		}
		l := &stockv1.Levels{}
		if err := proto.Unmarshal(snapshot.Data, l); err != nil {
			out.failed[id] = fmt.Errorf("SKU %s: its levels cannot be read: %w", id, err)
			continue
		}
		out.events += snapshot.Version
		out.folded = append(out.folded, p.foldStock(id, snapshot.Version, l))
	}
	return out, nil
}

// project brings entities' rows up to date. An error says that the world is in trouble and nothing is lost by trying
// again; what is wrong with an entity itself is remembered as stuck.
func (p *projection) project(ctx context.Context, f family, ids []ident.Entity) error {
	if len(ids) == 0 {
		return nil
	}
	out, err := p.fold(ctx, p.store, f, ids)
	if err != nil {
		return err
	}
	if err := p.writeEach(ctx, f, out); err != nil {
		return err
	}
	for id, cause := range out.failed {
		p.log.Error().Str("entity", id.String()).Err(cause).Msg("cannot be projected; its neighbours go on")
		if err := p.store.MarkStuck(ctx, service, id, cause.Error()); err != nil {
			return err
		}
	}
	return p.unstick(ctx, out)
}

// writeEach writes all at once, and one by one if there is something among them that can never be stored.
func (p *projection) writeEach(ctx context.Context, f family, out outcome) error {
	if len(out.folded) == 0 {
		return nil
	}
	_, err := p.write(ctx, f, out.folded)
	if !unstorable(err) {
		return err
	}
	for _, one := range out.folded {
		_, err := p.write(ctx, f, []folded{one})
		switch {
		case unstorable(err):
			out.failed[one.entity] = err
		case err != nil:
			return err
		}
	}
	return nil
}

// unstick forgets what could be folded again. Hardly anything is ever stuck, so the list is short.
func (p *projection) unstick(ctx context.Context, out outcome) error {
	stuck, err := p.store.StuckEntities(ctx)
	if err != nil {
		return err
	}
	for _, s := range stuck {
		if s.Service != service || out.failed[s.Entity] != nil || !out.holds(s.Entity) {
			continue
		}
		if err := p.store.ClearStuck(ctx, service, s.Entity); err != nil {
			return err
		}
	}
	return nil
}

func (o outcome) holds(id ident.Entity) bool {
	for _, f := range o.folded {
		if f.entity == id {
			return true
		}
	}
	return false
}
