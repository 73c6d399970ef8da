package projector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orderflow/orderflow/pkg/event"
)

// timeline is one row per event: the readable copy of what happened.
var timeline = children("order_timeline", "order_id", orderOf, func(f *facts) []happening { return f.happenings() },
	one("category", text, func(h happening) any { return string(h.Category) }),
	one("version", whole, func(h happening) any { return int64(h.Version) }),
	one("type", text, func(h happening) any { return event.NameOf(h.Type) }),
	one("summary", text, func(h happening) any { return h.summary }),
	one("details", document, func(h happening) any { return h.details }),
	one("occurred_at", instant, func(h happening) any { return h.OccurredAt }),
	one("recorded_at", instant, func(h happening) any { return h.RecordedAt }),
	one("cause_id", id, func(h happening) any { return uuid.UUID(h.Cause) }),
	one("event_id", id, func(h happening) any { return uuid.UUID(h.ID) }),
	one("trace_id", text, func(h happening) any { return traceOf(h.Recorded) }),
)

func traceOf(e event.Recorded) any {
	if e.Trace.IsZero() {
		return nil
	}
	return e.Trace.String()
}

// happening is an event with what is said of it.
type happening struct {
	event.Recorded
	wording
}

// wording is how people read an event.
type wording struct {
	summary string
	details any
}

func wordingOf(e event.Recorded) wording { return wording{clean(Summary(e)), details(e.Message)} }

func (f *facts) happenings() []happening {
	events := inOrder(f.events)
	all := make([]happening, len(events))
	for i, e := range events {
		all[i] = happening{e, f.read(e)}
	}
	return all
}

// inOrder sorts by our clock. Two replicas' clocks may differ, so within a category the version has the last word: an
// event counts as recorded no earlier than the one before it.
func inOrder(events []event.Recorded) []event.Recorded {
	type placed struct {
		event.Recorded
		at       time.Time
		category int
	}
	all := make([]placed, len(events))
	latest := map[event.Category]time.Time{}
	for i, e := range events {
		at := latest[e.Category]
		if e.RecordedAt.After(at) {
			at = e.RecordedAt
		}
		latest[e.Category] = at
		all[i] = placed{e, at, slices.Index(event.Categories[:], e.Category)}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.category, b.category), cmp.Compare(a.Version, b.Version))
	})
	out := make([]event.Recorded, len(all))
	for i, p := range all {
		out[i] = p.Recorded
	}
	return out
}

// hidden are fields that stand in no table: the sealed part, and an address under which a label with a person's name on
// it can be fetched.
var hidden = map[protoreflect.Name]bool{"sealed": true, "label_url": true}

var asJSON = protojson.MarshalOptions{UseProtoNames: true}

// details is a message as JSON without what is hidden; nil where there is no message, or one that JSON cannot hold.
func details(m proto.Message) any {
	if m == nil {
		return nil
	}
	data, err := asJSON.Marshal(shown(m))
	if err != nil {
		return nil // a time beyond the year 9999, for one; the event itself is kept as it came
	}
	return withoutNUL(string(data))
}

func shown(m proto.Message) proto.Message {
	from := m.ProtoReflect()
	fields := from.Descriptor().Fields()
	if fields.ByName("sealed") == nil && fields.ByName("label_url") == nil {
		return m
	}
	to := from.New()
	from.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !hidden[f.Name()] {
			to.Set(f, v)
		}
		return true
	})
	return to.Interface()
}

// withoutNUL takes the escape of the one character out that jsonb refuses. A backslash that is itself escaped is none.
func withoutNUL(s string) string {
	const escape = `\u0000`
	if !strings.Contains(s, escape) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], escape):
			i += len(escape)
		case s[i] == '\\' && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i += 2
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return b.String()
}
