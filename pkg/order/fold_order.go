package order

import (
	"bytes"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func (o *Order) apply(e event.Recorded) {
	switch m := e.Message.(type) {
	case *orderv1.OrderPlaced:
		if !o.Placed {
			o.Placed, o.RecordedAt = true, e.RecordedAt
		}
		o.Historic = o.Historic || m.GetHistoric()
		o.describe(m.GetDescription(), m.GetSealed())
	case *orderv1.OrderEdited:
		o.describe(m.GetDescription(), m.GetSealed())
	case *orderv1.HoldPlaced:
		o.hold(m, e.RecordedAt)
	case *orderv1.HoldReleased:
		o.unhold(m)
	case *orderv1.FulfillmentReleased:
		o.Releases = append(o.Releases, Release{
			Number: int(m.GetNumber()), Lines: m.GetLines(), Priority: m.GetPriority(), At: e.RecordedAt,
		})
	case *orderv1.OrderCancelling:
		o.Cancellation = &Cancellation{Number: int(m.GetNumber()), Reason: m.GetReason(), By: m.GetBy(), Since: e.RecordedAt}
	case *orderv1.CancellationRefused:
		if o.Cancellation != nil && o.Cancellation.Number == int(m.GetNumber()) {
			o.Cancellation.Refused, o.Cancellation.RefusedBy = m.GetReason(), m.GetBy()
			o.Refusals = append(o.Refusals, *o.Cancellation)
		}
	case *orderv1.OrderCancelled:
		o.Cancelled, o.ClosedAt, o.Holds = true, e.RecordedAt, nil // nothing is kept back any more
	case *orderv1.OrderExpired:
		o.Expired, o.ClosedAt, o.Holds = true, e.RecordedAt, nil
	case *orderv1.OrderCompleted:
		o.Completed, o.ClosedAt = true, e.RecordedAt
	case *orderv1.PersonalDataErased:
		o.Erased = true
	}
}

func (o *Order) hold(m *orderv1.HoldPlaced, since time.Time) {
	h := Hold{Kind: m.GetKind(), Reason: m.GetReason(), Detail: m.GetDetail(), Since: since, Deadline: instant(m.GetDeadline())}
	if !o.Held(h.Kind, h.Reason) {
		o.Holds = append(o.Holds, h)
	}
}

func (o *Order) unhold(m *orderv1.HoldReleased) {
	o.Holds = slices.DeleteFunc(o.Holds, func(h Hold) bool { return h.Kind == m.GetKind() && h.Reason == m.GetHoldReason() })
	if m.GetBy() != ByRule {
		o.Waived = append(o.Waived, Waiver{m.GetKind(), m.GetHoldReason(), string(o.Description.GetContentHash())})
	}
}

// description is what was told of an order, and by whom it is.
type description struct {
	*orderv1.Description
	sealed *typev1.Sealed
}

// describe takes a description. Of all that were told, each at its latest reading, the newest stands, so that the same
// descriptions lead to the same order in whatever order they came. What was completed is complete no longer once
// something else is wanted.
func (o *Order) describe(d *orderv1.Description, sealed *typev1.Sealed) {
	o.told = supersede(o.told, description{d, sealed})
	newest := o.told[0]
	for _, told := range o.told[1:] {
		if Newer(told.Description, newest.Description) {
			newest = told
		}
	}
	if newest.Description == o.Description {
		return
	}
	if o.Completed && !bytes.Equal(newest.GetContentHash(), o.Description.GetContentHash()) {
		o.Completed, o.ClosedAt = false, time.Time{}
	}
	o.Description, o.Sealed = newest.Description, newest.sealed
	o.PlacedAt = instant(newest.GetPlacedAt())
}

// News says that a description is worth recording: it would stand, or it is another reading of a report. Such a one is
// recorded even where it is older than what stands, so that the earlier reading counts for nothing, also if it comes later.
func (o *Order) News(d *orderv1.Description) bool {
	if i := indexOf(o.told, description{Description: d}); i >= 0 {
		return d.GetRevision() > o.told[i].GetRevision()
	}
	return d.GetRevision() > 0 || o.Description == nil || Newer(d, o.Description)
}

// Newer says whether a description replaces another one: a shop's own word beats a draft; then the shop's clock
// decides, then the revision of our reading, and last the content, so that there is never a tie.
func Newer(a, b *orderv1.Description) bool {
	if a.GetDraft() != b.GetDraft() {
		return b.GetDraft()
	}
	if ta, tb := instant(a.GetUpdatedAt()), instant(b.GetUpdatedAt()); !ta.Equal(tb) {
		return ta.After(tb)
	}
	if a.GetRevision() != b.GetRevision() {
		return a.GetRevision() > b.GetRevision()
	}
	return bytes.Compare(a.GetContentHash(), b.GetContentHash()) > 0
}

// instant is the zero time where nothing was told, not 1970.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
