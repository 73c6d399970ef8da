package order

import (
	"github.com/orderflow/orderflow/pkg/event"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
)

func (f *Fraud) apply(e event.Recorded) {
	switch m := e.Message.(type) {
	case *fraudv1.OrderScored:
		f.Scored, f.ScoredAt = true, e.RecordedAt
		f.ScoreMillis, f.Verdict = int(m.GetScoreMillis()), m.GetVerdict()
		f.Factors, f.Signals = m.GetFactors(), m.GetSignals()
	case *fraudv1.ReviewDecided:
		f.Review, f.ReviewBy = m.GetVerdict(), m.GetBy()
	}
}

func (i *Inventory) apply(e event.Recorded) {
	switch m := e.Message.(type) {
	case *inventoryv1.StockAllocated:
		i.Allocations, i.Allocated, i.AllocatedAt = m.GetAllocations(), true, e.RecordedAt
		i.Shortages, i.Closed = nil, nil
	case *inventoryv1.StockBackordered:
		if len(i.Shortages) == 0 {
			i.BackorderedAt = e.RecordedAt
		}
		i.Shortages, i.Deadline = m.GetShortages(), instant(m.GetDeadline())
		i.Allocations, i.Allocated = nil, false
	case *inventoryv1.AllocationClosed:
		i.Closed = &Closed{
			Outcome: m.GetOutcome(), Refused: m.GetRefused(), Cancellation: int(m.GetCancellation()), At: e.RecordedAt,
		}
		if m.GetRefused() == "" {
			i.Allocations, i.Allocated, i.Shortages = nil, false, nil
		}
	}
}
