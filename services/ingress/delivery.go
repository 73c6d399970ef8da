package ingress

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// longestWord is how much of a topic or a delivery's id is kept.
const longestWord = 255

// Read is what a verified request becomes: whatever a source makes of it, made fit to be kept. It never fails: a source
// that panics leaves a quarantine.
func Read(s source.Source, r source.Request, a source.Account) (reading source.Reading, failure error) {
	reading, failure = guarded(s, r, a)
	reading.Topic = source.Clean(reading.Topic, longestWord)
	if reading.DeliveryID = source.Clean(reading.DeliveryID, longestWord); reading.DeliveryID == "" {
		reading.DeliveryID = source.BodyID(r.Body)
	}
	if !a.Mode.Takes(reading.Test) && (reading.Test || len(reading.Facts) > 0) {
		kind := "a live delivery on an account for tests"
		if reading.Test {
			kind = "a test delivery on a live account"
		}
		reading.Facts, reading.Quarantine = nil, source.Quarantine(source.TestMode, kind)
	}
	fit(&reading)
	return reading, failure
}

// guarded lets a source read, and survives it.
func guarded(s source.Source, r source.Request, a source.Account) (reading source.Reading, failure error) {
	defer func() {
		if p := recover(); p != nil {
			reading = source.Reading{
				DeliveryID: source.BodyID(r.Body), Quarantine: source.Quarantine(source.BadValue, "the normaliser failed"),
			}
			failure = fmt.Errorf("the normaliser of %s panicked: %T", s.Name(), p) // its words may repeat the body
		}
	}()
	return s.Read(r, a), nil
}

// fit drops facts that no database could keep. The body stays, so that nothing is lost.
func fit(reading *source.Reading) {
	if q := reading.Quarantine; q != nil {
		q.Detail = maskCards(q.GetDetail()) // it may name a value
	}
	facts := reading.Facts[:0]
	for _, f := range reading.Facts {
		if mayNeedCleaning(f) {
			clean(f)
		}
		if name := tooLong(f); name != "" {
			if !strings.Contains(reading.Quarantine.GetDetail(), name+" is too long") {
				reading.Quarantine = also(reading.Quarantine, name+" is too long")
			}
			continue
		}
		facts = append(facts, f)
	}
	reading.Facts = facts
}

// mayNeedCleaning says that a fact may hold the one character that Postgres keeps in no text, or a card number. In a body
// they can be written in too many ways to look for them there.
func mayNeedCleaning(f *intakev1.Fact) bool {
	data, err := proto.Marshal(f)
	return err == nil && (bytes.IndexByte(data, 0) >= 0 || mayHoldCard(data))
}

// clean replaces NUL in every text of a fact, and card numbers in those that hold words.
func clean(f *intakev1.Fact) {
	// The walk changes values in place and ends with the message; neither of its functions returns an error.
	_ = protorange.Range(f.ProtoReflect(), func(p protopath.Values) error {
		last, owner := p.Index(-1), p.Index(-2)
		text, ok := last.Value.Interface().(string)
		if !ok {
			return nil
		}
		cleaned := text
		if strings.Contains(text, "\x00") {
			cleaned = source.Clean(text, len(text)*3)
		}
		if last.Step.Kind() == protopath.FieldAccessStep && words[last.Step.FieldDescriptor().Name()] {
			cleaned = maskCards(cleaned)
		}
		if cleaned == text {
			return nil
		}
		value := protoreflect.ValueOfString(cleaned)
		switch last.Step.Kind() {
		case protopath.FieldAccessStep:
			owner.Value.Message().Set(last.Step.FieldDescriptor(), value)
		case protopath.ListIndexStep:
			owner.Value.List().Set(last.Step.ListIndex(), value)
		default: // facts hold no maps and no messages of unknown types
		}
		return nil
	})
}

// longestIndexed is what fits into an index of Postgres with room to spare.
const longestIndexed = 1000

// tooLong names what is too long to be looked up by; empty if nothing is.
func tooLong(f *intakev1.Fact) string {
	for _, s := range f.GetReferences() {
		if len(s) > longestIndexed {
			return "a reference"
		}
	}
	if len(f.GetOrder().GetId()) > longestIndexed {
		return "the order's id"
	}
	if len(f.GetStockReported().GetSku()) > longestIndexed || len(f.GetProductReported().GetSku()) > longestIndexed {
		return "a SKU"
	}
	if len(f.GetShipmentReported().GetShipmentId()) > longestIndexed {
		return "a shipment's id"
	}
	for _, l := range f.GetOrderDescribed().GetLines() {
		if len(l.GetSku()) > longestIndexed || len(l.GetId()) > longestIndexed {
			return "a SKU or a line's id"
		}
	}
	return ""
}

// NewDelivery is the message of a request and of what was read out of it.
func NewDelivery(s source.Source, r source.Request, a source.Account, reading source.Reading) (*intakev1.Delivery, ident.Delivery) {
	id := ident.DeliveryOf(s.Name(), a.Name, reading.Topic, reading.DeliveryID, sha256.Sum256(r.Body))
	return &intakev1.Delivery{
		Id: id[:], Source: s.Name(), Account: a.Name, Topic: reading.Topic, DeliveryId: reading.DeliveryID, Headers: reading.Headers,
		Body: r.Body, ReceivedAt: timestamppb.New(r.ReceivedAt), Facts: reading.Facts, Quarantine: reading.Quarantine, Test: reading.Test,
		Reader: Build(),
	}, id
}

// encode is the delivery as it is published. What is no text goes without its facts; of what says more than fits into a
// message as many orders are told as fit, each whole, and the rest stays in the body.
func encode(d *intakev1.Delivery, most int64) ([]byte, error) {
	data, err := proto.Marshal(d)
	switch {
	case err != nil:
		d.Facts, d.Headers = nil, nil
		d.Quarantine = source.Quarantine(source.BadValue, "it holds a text that is none")
	case int64(len(data)) <= most:
		return data, nil
	default:
		curtail(d, most)
	}
	return proto.Marshal(d)
}

// perFact is more than what is around a fact in a delivery, and curtailing more than the words about it.
const (
	perFact     = 6
	curtailing  = 200
	tooMuchSaid = "it says more than fits into a message: of %d facts the first %d are kept, the others have to be sent again in smaller bodies"
)

// curtail leaves out the facts that do not fit, never some of one order's.
func curtail(d *intakev1.Delivery, most int64) {
	all := d.GetFacts()
	d.Facts, d.Headers = nil, nil
	left := most - int64(proto.Size(d)) - curtailing
	n := 0
	for ; n < len(all); n++ {
		left -= int64(proto.Size(all[n]) + perFact)
		if left < 0 {
			break
		}
	}
	for n > 0 && n < len(all) && together(all[n-1], all[n]) {
		n--
	}
	d.Facts = all[:n]
	d.Quarantine = also(d.GetQuarantine(), fmt.Sprintf(tooMuchSaid, len(all), n))
}

// together says that two facts are about one thing, by the name that they have first.
func together(a, b *intakev1.Fact) bool {
	x, named := bus.EntityOf(a)
	y, both := bus.EntityOf(b)
	if named || both {
		return x == y
	}
	return len(a.GetReferences()) > 0 && len(b.GetReferences()) > 0 && a.GetReferences()[0] == b.GetReferences()[0]
}

// also adds to what is wrong with a delivery already.
func also(q *intakev1.Quarantine, detail string) *intakev1.Quarantine {
	if q == nil {
		return source.Quarantine(source.BadValue, detail)
	}
	return source.Quarantine(q.GetReason(), q.GetDetail()+"; "+detail)
}
