package orderctl

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/services/projector"
)

// moveView is one line of a timeline.
type moveView struct {
	RecordedAt time.Time `json:"recorded_at"`
	OccurredAt time.Time `json:"occurred_at"`
	Who        string    `json:"who"`
	What       string    `json:"what"`
}

// eventView is one event as it was appended.
type eventView struct {
	Category   string    `json:"category"`
	Version    int       `json:"version"`
	Type       string    `json:"type"`
	RecordedAt time.Time `json:"recorded_at"`
	OccurredAt time.Time `json:"occurred_at"`
	Cause      string    `json:"cause_id"`
	ID         string    `json:"event_id"`
	Trace      string    `json:"trace_id,omitempty"`
	Data       any       `json:"data"`
}

// ordered are events as they happened by one of the clocks; ties stand as the streams do. The clocks of two replicas may
// differ: by ours an event counts as recorded no earlier than the one before it in its stream.
func ordered(events []event.Recorded, clock string) []event.Recorded {
	type placed struct {
		event.Recorded
		at time.Time
	}
	latest := map[event.Category]time.Time{}
	all := make([]placed, len(events))
	for i, e := range events {
		at := timeOf(e, clock)
		if clock != byOccurred && at.Before(latest[e.Category]) {
			at = latest[e.Category]
		}
		latest[e.Category], all[i] = at, placed{e, at}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(a.at.Compare(b.at),
			cmp.Compare(slices.Index(event.Categories[:], a.Category), slices.Index(event.Categories[:], b.Category)),
			cmp.Compare(a.Version, b.Version))
	})
	sorted := make([]event.Recorded, len(all))
	for i, p := range all {
		sorted[i] = p.Recorded
	}
	return sorted
}

func timeOf(e event.Recorded, clock string) time.Time {
	if clock == byOccurred {
		return e.OccurredAt
	}
	return e.RecordedAt
}

func timelineOf(events []event.Recorded, clock string) []moveView {
	moves := make([]moveView, 0, len(events))
	for _, e := range ordered(events, clock) {
		moves = append(moves, moveView{e.RecordedAt, e.OccurredAt, string(e.Category), projector.Summary(e)})
	}
	return moves
}

// toldLate is from when on a timeline says that something happened earlier than we heard of it.
const toldLate = time.Minute

// eventsOf shows events as they were appended. What they hold of a person is sealed and stays so; the seal's bytes say
// nothing to anybody and are left out.
func eventsOf(events []event.Recorded, clock string) ([]eventView, error) {
	views := make([]eventView, 0, len(events))
	for _, e := range ordered(events, clock) {
		v := eventView{
			Category: string(e.Category), Version: e.Version, Type: e.Type, RecordedAt: e.RecordedAt, OccurredAt: e.OccurredAt,
			Cause: e.Cause.String(), ID: e.ID.String(), Trace: traceOf(e),
		}
		if e.Message != nil {
			data, err := contentOf(e)
			if err != nil {
				return nil, err
			}
			v.Data = data
		}
		views = append(views, v)
	}
	return views, nil
}

// traceOf is an event's trace as tracing tools write it; empty if it has none.
func traceOf(e event.Recorded) string {
	if e.Trace.IsZero() {
		return ""
	}
	return e.Trace.String()
}

// contentOf is an event's message as JSON, without its seal.
func contentOf(e event.Recorded) (json.RawMessage, error) {
	m := proto.Clone(e.Message)
	if sealed := m.ProtoReflect().Descriptor().Fields().ByName("sealed"); sealed != nil {
		m.ProtoReflect().Clear(sealed)
	}
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("show %s %d: %w", e.Category, e.Version, err)
	}
	return data, nil
}

// printEvents lists events with their content on one line each.
func printEvents(w io.Writer, events []eventView) error {
	rows := [][]string{{"  STREAM", "TYPE", "RECORDED", "OCCURRED", "CAUSE", "CONTENT"}}
	for _, e := range events {
		content := "unknown to this version"
		if raw, ok := e.Data.(json.RawMessage); ok {
			var compact bytes.Buffer
			if err := json.Compact(&compact, raw); err != nil {
				return err
			}
			content = compact.String()
		}
		rows = append(rows, []string{
			fmt.Sprintf("  %s %d", e.Category, e.Version), event.NameOf(e.Type), clockTime(e.RecordedAt), clockTime(e.OccurredAt), e.Cause[:8], content,
		})
	}
	return table(w, rows...)
}
