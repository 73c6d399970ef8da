package orderctl

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/projector/reread"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

func (s *system) rereader(most int64) *reread.Rereader {
	settings := s.readingSettings()
	return &reread.Rereader{
		Journal: reread.Journal{Pool: s.pool, Vault: s.vault}, Store: s.store,
		Read: func(k *intakev1.Delivery) (*intakev1.Delivery, error) { return ingress.Reread(settings, k, most) },
	}
}

// rereader is one run.
type rereader struct {
	s        *system
	reader   *reread.Rereader
	out      outlet
	done     *rereadDone
	progress *progress
}

// rereadPage is how many deliveries are read and sent at a time.
const rereadPage = 200

func (j *rereader) run(ctx context.Context, w rereading) error {
	if len(w.names) > 0 {
		ids, err := j.named(ctx, w.names)
		if err != nil {
			return err
		}
		w.IDs = ids
	}
	total, err := j.reader.Count(ctx, w.Filter)
	if err != nil {
		return err
	}
	var after reread.Position
	for {
		page, err := j.reader.Page(ctx, w.Filter, after, rereadPage)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := j.page(ctx, page); err != nil {
			return err
		}
		after = page[len(page)-1].At()
		j.progress.at(j.done.Deliveries, total)
	}
}

// named looks all of them up first, so that a wrong name sends nothing.
func (j *rereader) named(ctx context.Context, names []string) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	for _, name := range names {
		k, err := j.s.delivery(ctx, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, uuid.UUID(k.id))
	}
	return ids, nil
}

// page reads some and sends what has changed. It counts when it is sent: not before.
func (j *rereader) page(ctx context.Context, page []reread.Kept) error {
	counted := *j.done
	var messages []*nats.Msg
	changed := map[string]int{}
	for _, k := range page {
		r, err := j.reader.Again(ctx, k)
		if err != nil {
			return err
		}
		counted.Deliveries++
		switch r.Result {
		case reread.Same:
			counted.Same++
		case reread.Erased:
			counted.Erased++
		case reread.Failed, reread.Leaves:
			counted.NotSent++
			if len(counted.Examples) < examplesMost {
				counted.Examples = append(counted.Examples, notSent{k.ID().String(), r.Why})
			}
		case reread.Changed:
			m, err := reread.Message(r.Now)
			if err != nil {
				return err
			}
			messages = append(messages, m)
			change, err := j.change(ctx, k, r.Now)
			if err != nil {
				return err
			}
			counted.Changed++
			counted.Facts += change.After.Facts
			counted.Changes = append(counted.Changes, change)
			changed[k.GetSource()]++
		}
	}
	if err := j.out.publish(ctx, messages); err != nil {
		return err
	}
	for source, n := range changed {
		counted.Sources[source] += n
	}
	through := page[len(page)-1].GetReceivedAt().AsTime()
	counted.Through = &through
	if !counted.DryRun {
		counted.Changes = nil // they stand in the journal
	}
	*j.done = counted
	return nil
}

// change tells a reading beside the one before it.
func (j *rereader) change(ctx context.Context, k reread.Kept, d *intakev1.Delivery) (changeView, error) {
	v := changeView{ID: k.ID().String(), Source: k.GetSource(), Topic: d.GetTopic(), ProviderID: d.GetDeliveryId(), Revision: d.GetRevision()}
	v.Before = readingView{Outcome: k.Outcome, Reason: k.GetQuarantine().GetReason(), Detail: k.GetQuarantine().GetDetail(), Facts: k.Facts}
	v.After = readingView{Outcome: outcomeOf(d), Reason: d.GetQuarantine().GetReason(), Detail: d.GetQuarantine().GetDetail()}
	for _, f := range d.GetFacts() {
		if f.GetBody() != nil { // else it keeps the place of one that stood there
			v.After.Facts++
			v.After.Says = append(v.After.Says, factWords(f))
		}
	}
	if !j.done.DryRun || k.Facts == 0 {
		return v, nil
	}
	before, err := j.s.delivery(ctx, k.ID().String())
	if err != nil {
		return v, err
	}
	was := &deliveryView{}
	for n, cause := range causesOf(ident.Delivery(k.GetId()), k.Facts, k.GetRevision()) {
		was.Parts = append(was.Parts, factView{Number: n + 1, Cause: cause.String()})
	}
	if err := j.s.recorded(ctx, before, d.GetFacts(), was); err != nil {
		return v, err
	}
	for _, part := range was.Parts {
		for _, e := range part.Events {
			v.Before.Says = append(v.Before.Says, fmt.Sprintf("%s (%s %d), order %s", e.Type, e.Category, e.Version, orID(e.Name, e.Entity)))
		}
	}
	return v, nil
}

// outcomeOf is what the journal will call a delivery.
func outcomeOf(d *intakev1.Delivery) string {
	switch {
	case d.GetQuarantine() != nil:
		return outcomeQuarantined
	case len(d.GetFacts()) == 0:
		return outcomeNothing
	}
	return outcomeAccepted
}
