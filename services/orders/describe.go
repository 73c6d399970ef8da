package orders

import (
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/reactor"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// fact takes what a shop says. It is never refused; it may be no news.
func (r Rules) fact(d *draft) {
	f := d.trigger.Fact
	switch body := f.GetBody().(type) {
	case *intakev1.Fact_OrderDescribed:
		r.describe(d, f, body.OrderDescribed)
	case *intakev1.Fact_CancellationReported:
		r.cancelReported(d, f, body.CancellationReported.GetReason())
	}
}

// describe places the order, or edits it if the description is newer than the one that stands, or corrects what an earlier
// reading of the same delivery said. One that says the same at a later time is recorded too: what was said in between may
// still be on its way, and must not win over it.
func (r Rules) describe(d *draft, f *intakev1.Fact, told *intakev1.OrderDescribed) {
	description := r.description(f, told, d.trigger)
	e := event.New{OccurredAt: f.GetOccurredAt().AsTime(), Personal: told.GetPerson()}
	switch {
	case !d.state.Order.Placed:
		e.Message = &orderv1.OrderPlaced{Description: description, Historic: f.GetHistoric()}
	case d.state.Order.News(description):
		e.Message = &orderv1.OrderEdited{Description: description, Historic: f.GetHistoric()}
	default:
		return // told again, or an older description told late: the journal has it, the order has moved on
	}
	d.emitAt(e)
	d.decision.Links = append(d.decision.Links, numberRefs(description)...)
}

// numberRefs are the names under which a payment may call the order that its shop knows by another id.
func numberRefs(d *orderv1.Description) []string {
	if d.GetNumber() == "" || d.GetDraft() {
		return nil
	}
	return []string{"number:" + d.GetKey().GetSource() + ":" + d.GetKey().GetAccount() + ":" + d.GetNumber()}
}

func (r Rules) description(f *intakev1.Fact, told *intakev1.OrderDescribed, t reactor.Trigger) *orderv1.Description {
	d := &orderv1.Description{
		Key: f.GetOrder(), Number: told.GetNumber(), Currency: told.GetCurrency(), Lines: told.GetLines(), Totals: told.GetTotals(),
		PlacedAt: told.GetPlacedAt(), UpdatedAt: told.GetUpdatedAt(), Draft: told.GetDraft(), Test: told.GetTest(),
		ShippingCountry: told.GetPerson().GetShipping().GetCountry(), BillingCountry: told.GetPerson().GetBilling().GetCountry(),
		HasAddress: hasAddress(told.GetPerson().GetShipping()), HasEmail: told.GetPerson().GetEmail() != "", HasPhone: hasPhone(told.GetPerson()),
		ReportId: t.Report[:], Revision: t.Revision,
	}
	d.ContentHash = r.hash(d, told.GetPerson())
	return d
}

// hash covers what the shop described, without when and by which reading, so that a repeat is known as one.
func (r Rules) hash(d *orderv1.Description, p *typev1.Person) []byte {
	content := &orderv1.Description{
		Key: d.GetKey(), Number: d.GetNumber(), Currency: d.GetCurrency(), Lines: d.GetLines(), Totals: d.GetTotals(),
		PlacedAt: d.GetPlacedAt(), Draft: d.GetDraft(), Test: d.GetTest(),
	}
	deterministic := proto.MarshalOptions{Deterministic: true}
	// Neither can fail: both messages were decoded from valid UTF-8.
	a, _ := deterministic.Marshal(content)
	b, _ := deterministic.Marshal(p)
	return r.Digest(slices.Concat(binary.AppendUvarint(nil, uint64(len(a))), a, b))
}

func hasAddress(a *typev1.Address) bool {
	return a.GetLine1() != "" && (a.GetCity() != "" || a.GetPostalCode() != "")
}

func hasPhone(p *typev1.Person) bool {
	return p.GetPhone() != "" || p.GetShipping().GetPhone() != "" || p.GetBilling().GetPhone() != ""
}
