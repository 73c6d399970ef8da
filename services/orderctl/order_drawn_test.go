package orderctl

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// One timeline with everything that one may hold: news that comes late, a tie, a new day, a text that does not fit.
func TestTheTimelineIsDrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := order42("shopify", "default", "L-1", "L-1")
	long.Description.Number = "L-1 " + strings.Repeat("with a very long number ", 4) + strings.Repeat("x", 60)
	id := ident.Order("shopify", "default", "L-1")
	w.append(id, nil,
		at(0, long),
		late(-3*time.Hour, time.Second, paid(50_00, "stripe:pi_1")),
		at(time.Second, cleared()), at(time.Second, reserved()),
		at(20*time.Hour, &fulfillmentv1.ShipmentScanned{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}),
		late(20*time.Hour+time.Millisecond, 20*time.Hour+time.Millisecond+toldLate, &fulfillmentv1.ShipmentDelivered{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s2"}))
	out := w.ok("order", "show", id.String())
	_, drawn, _ := strings.Cut(out, "Timeline")
	golden(t, "drawn.txt", drawn)
	_, drawn, _ = strings.Cut(w.ok("order", "show", id.String(), "--occurred", "2026-03-03"), "Timeline")
	golden(t, "drawn_occurred.txt", drawn)
	for line := range strings.Lines(drawn) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), pageWidth, line)
	}
	assert.NotContains(t, out, "\x1b", "no colours where nobody sees them")
}

func TestOnATerminalLinesAreColoured(t *testing.T) {
	t.Parallel()
	moves := []moveView{
		{RecordedAt: noon, OccurredAt: noon, Who: "order", What: "Placed"},
		{RecordedAt: noon, OccurredAt: noon, Who: "payment", What: "Paid"},
		{RecordedAt: noon, OccurredAt: noon, Who: "order", What: "Released"},
	}
	d := drawing{pen: terminalPen, lanes: lanesOf(moves), moves: moves}
	var b strings.Builder
	d.draw(&b, 1, moves[1], "=")
	assert.Contains(t, b.String(), "\x1b[36m│\x1b[0m \x1b[32m●\x1b[0m")
}

// Two replicas' clocks differ: what a stream says comes after something comes after it.
func TestAStreamIsNeverTurnedAround(t *testing.T) {
	t.Parallel()
	first := event.Recorded{Category: event.Order, Version: 1, RecordedAt: noon.Add(time.Millisecond)}
	second := event.Recorded{Category: event.Order, Version: 2, RecordedAt: noon}
	between := event.Recorded{Category: event.Payment, Version: 1, RecordedAt: noon.Add(time.Microsecond)}
	sorted := ordered([]event.Recorded{first, second, between}, byRecorded)
	assert.Equal(t, []event.Recorded{between, first, second}, sorted)
}
