package orderctl

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

func TestShowAndWhyOfAnOrderThatShipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shipped()
	golden(t, "show_shipped.txt", w.ok("order", "show", "shopify/1001"))
	golden(t, "show_shipped.json", w.ok("order", "show", "shopify/1001", "--json"))
	golden(t, "why_shipped.txt", w.ok("order", "why", "shopify/1001"))
	golden(t, "show_at.txt", w.ok("order", "show", "shopify/1001", "--at", "12:00:08"))
	golden(t, "show_occurred.txt", w.ok("order", "show", "shopify/1001", "--occurred", "2026-03-01T11:59:00Z"))
	golden(t, "why_at.txt", w.ok("order", "why", "shopify/1001", "--at", "12:00:03"))
}

func TestShowAndWhyOfAnOrderThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.waiting()
	require.NoError(t, w.store.PutTimers(t.Context(), []eventstore.Timer{
		{Service: "orders", ID: ident.Named("1"), Entity: id, Kind: "look", DueAt: noon.Add(168 * time.Hour)},
		{Service: "inventory", ID: ident.Named("2"), Entity: id, Kind: "backorder", Refs: []string{"sku:MUG"}},
	}))
	require.NoError(t, w.store.MarkStuck(t.Context(), "notifier", id, "panic: no such template\ngoroutine 1"))
	w.exec(`UPDATE orderflow.timers SET created_at = $1`, noon.Add(5*time.Minute))
	w.exec(`UPDATE orderflow.stuck SET since = $1`, noon.Add(6*time.Minute))
	w.bury("payment", id, "commands.payment.Unknown", nil)
	golden(t, "show_waiting.txt", w.ok("order", "show", "A-17"))
	golden(t, "why_waiting.txt", w.ok("order", "why", "A-17"))
	var r reasons
	w.parsed(&r, "order", "why", "A-17")
	assert.Len(t, r.Gates, 6)
	assert.Len(t, r.Next, 1)
	assert.Len(t, r.Parked, 1)
	assert.Len(t, r.Stuck, 1)
	assert.Len(t, r.Dead, 1)
	assert.Equal(t, "USD 20.00 that are still due", r.Gates[3].WaitsFor)
}

func TestEveryNameLeadsToTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.shipped()
	other := w.waiting()
	eu := ident.Order("woocommerce", "eu", "77")
	w.append(eu, []string{"number:woocommerce:eu:B-9", "tracking:ups:1Z999AA10123456784"}, at(0, order42("woocommerce", "eu", "77", "B-9")))
	draft := ident.Order("checkout", "default", "D-1") // told by a payment alone: no name was linked
	w.append(draft, nil, at(0, order42("checkout", "default", "D-1", "D-1")))
	bought := ident.Order("b2b", "default", "a1f0")
	w.append(bought, []string{"number:b2b:default:PO-4711"}, at(0, order42("b2b", "default", "a1f0", "PO-4711")))
	for name, want := range map[string]ident.Entity{
		"PO-4711":                   bought,
		"b2b/PO-4711":               bought,
		"b2b/a1f0":                  bought,
		"a1f0":                      bought,
		id.String():                 id,
		"shopify/1001":              id,
		"shopify/#1001":             id,
		"shopify/default/1001":      id,
		"shopify/5001":              id, // the shop's own id
		"1001":                      id,
		"5001":                      id,
		"stripe:pi_1":               id,
		"pi_1":                      id,
		"tracking:sandbox:SB1":      id,
		"SB1":                       id,
		"1z999aa10123456784":        eu, // as it is written on the parcel, or not quite
		"stripe:pi_2":               other,
		"A-17":                      other,
		"woocommerce/eu/B-9":        eu,
		"woocommerce/B-9":           eu, // the only one at any account of that source
		"B-9":                       eu,
		"number:woocommerce:eu:B-9": eu,
		"checkout/D-1":              draft,
		"D-1":                       draft,
	} {
		r := w.run("order", "show", name, "--json")
		require.Equal(t, 0, r.code, r.said)
		assert.Contains(t, r.out, `"order_id": "`+want.String()+`"`, name)
	}
}

func TestANumberThatSeveralOrdersHaveIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shipped()
	woo := ident.Order("woocommerce", "eu", "9")
	w.append(woo, []string{"number:woocommerce:eu:1001"}, at(0, order42("woocommerce", "eu", "9", "1001")))
	r := w.run("order", "show", "1001")
	assert.Equal(t, 1, r.code)
	golden(t, "several.txt", r.said)
	assert.Equal(t, 0, w.run("order", "show", "woocommerce/eu/1001").code)
}

func TestAnUnknownOrderSaysWhatWasTriedAndWhatIsParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	delivery, err := proto.Marshal(&intakev1.Delivery{
		Source: "stripe", Topic: "payment_intent.succeeded", ReceivedAt: timestamppb.New(noon), Facts: []*intakev1.Fact{{
			References: []string{"number:checkout:default:Z-1"}, Body: &intakev1.Fact_PaymentReported{PaymentReported: &intakev1.PaymentReported{
				Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: usd(12_34), Names: []string{"stripe:pi_9"},
			}},
		}},
	})
	require.NoError(t, err)
	_, err = w.store.Park(t.Context(), []eventstore.Timer{{
		Service: "payment", ID: ident.Named("parked"), Kind: "fact:0", Refs: []string{"number:checkout:default:Z-1", "stripe:pi_9"}, Payload: delivery,
	}})
	require.NoError(t, err)
	w.exec(`UPDATE orderflow.timers SET created_at = $1`, noon)
	for _, command := range []string{"show", "why"} {
		r := w.run("order", command, "checkout/Z-1")
		assert.Equal(t, 1, r.code)
		golden(t, "unknown_parked.txt", r.said)
	}
	r := w.run("order", "why", "Y-1")
	assert.Equal(t, 1, r.code)
	golden(t, "unknown.txt", r.said)
	r = w.run("order", "show", ident.Order("a", "b", "c").String())
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "no order is known as")
}

func TestPersonalDataIsShownOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.shipped()
	for _, args := range [][]string{
		{"order", "show", "1001"}, {"order", "show", "1001", "--json"}, {"order", "show", "1001", "--events"}, {"order", "show", "1001", "--events", "--json"},
		{"order", "why", "1001"},
	} {
		out := w.ok(args...)
		for _, secret := range []string{"ada@example.com", "Ada Example", "555 0100", "Sample Street", "ciphertext"} {
			assert.NotContains(t, out, secret, "%v", args)
		}
	}
	out := w.ok("order", "show", "1001", "--personal")
	assert.Contains(t, out, "ada@example.com")
	assert.Contains(t, out, "Ada Example, 1 Sample Street, 12345 Springfield, US")
	w.exec(`UPDATE orderflow.keys SET wrapped = NULL, erased_at = now() WHERE entity_id = $1`, [16]byte(id))
	var v orderView
	w.parsed(&v, "order", "show", "1001", "--personal")
	assert.True(t, v.Personal.Erased)
	assert.Empty(t, v.Personal.Email)
}

func TestEventsAreListedWithWhatTheyHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shipped()
	var v orderView
	w.parsed(&v, "order", "show", "1001", "--events", "--occurred", "11:59")
	require.Len(t, v.Events, 1)
	assert.Equal(t, "payment.v1.PaymentCaptured", v.Events[0].Type)
	assert.Equal(t, 1, v.Events[0].Version)
	assert.Contains(t, w.ok("order", "show", "1001", "--events"), `{"movement":{"names":["stripe:pi_1"],"amount":{"minor_units":"5000","currency":"USD"}`)
}

func TestAnOrderThatCannotBeFoldedCanBeLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shipped()
	w.exec(`DELETE FROM orderflow.events WHERE category = 'fulfillment' AND version = 2`)
	r := w.run("order", "show", "1001")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "gap in versions")
	assert.Contains(t, r.said, "--events")
	r = w.run("order", "show", "1001", "--events")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, "LabelPurchaseStarted")
	r = w.run("order", "show", "1001", "--occurred", "12:00:09")
	assert.Equal(t, 1, r.code, "a gap is told even where what is asked for has none")
	assert.Contains(t, w.ok("order", "why", "1001"), "It cannot be folded")
}

func TestMomentsBeforeTheFirstNews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shipped()
	r := w.run("order", "show", "1001", "--at", "2026-02-01")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "nothing was known of")
	assert.Contains(t, r.said, "2026-03-01 12:00:01")
	r = w.run("order", "show", "1001", "--at", "noon")
	assert.Equal(t, 2, r.code)
	r = w.run("order", "show", "1001", "--at", "1h", "--occurred", "1h")
	assert.Equal(t, 2, r.code)
}

// What happened by some moment leaves gaps in the versions, which must not be taken for lost events, and the fold of
// what is left must be that of the same events told alone.
func TestRewindFoldsAnySubset(t *testing.T) {
	t.Parallel()
	id := ident.Order("a", "b", "c")
	rapid.Check(t, func(t *rapid.T) {
		var events []event.Recorded
		versions := map[event.Category]int{}
		messages := []proto.Message{
			order42("a", "b", "c", "1"), paid(10_00, "stripe:pi_1"), cleared(), reserved(), paid(20_00, "stripe:pi_2"),
			&orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, Reason: "operator"},
		}
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			m := rapid.SampledFrom(messages).Draw(t, "message")
			c := event.CategoryOf(event.TypeOf(m))
			versions[c]++
			at := noon.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "minute")) * time.Minute)
			events = append(events, event.Recorded{Entity: id, Category: c, Version: versions[c], Type: event.TypeOf(m), Message: m, OccurredAt: at, RecordedAt: noon})
		}
		limit := noon.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "limit")) * time.Minute)
		o, kept, err := rewind(id, events, moment{byOccurred, limit})
		require.NoError(t, err)
		alone := order.New(id)
		for _, e := range events {
			if e.OccurredAt.After(limit) {
				continue
			}
			e.Version = alone.Version(e.Category) + 1
			require.NoError(t, alone.Apply(e))
		}
		assert.Equal(t, alone, o)
		assert.Len(t, kept, alone.Events)
	})
}

func TestTimesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	asked := time.Date(2026, 3, 1, 14, 30, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-02-28T10:00:00+02:00": time.Date(2026, 2, 28, 8, 0, 0, 0, time.UTC),
		"2026-02-28":                time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC),
		"2026-02-28 10:15":          time.Date(2026, 2, 28, 10, 15, 0, 0, time.UTC),
		"14:00":                     time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC),
		"14:00:05":                  time.Date(2026, 3, 1, 14, 0, 5, 0, time.UTC),
		"15:00":                     time.Date(2026, 2, 28, 15, 0, 0, 0, time.UTC), // not yet: yesterday's
		"10m":                       asked.Add(-10 * time.Minute),
		"10m ago":                   asked.Add(-10 * time.Minute),
		"2d":                        asked.Add(-48 * time.Hour),
		"1d12h":                     asked.Add(-36 * time.Hour),
	} {
		got, err := parseTime(text, asked)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "soon", "25:00", "2026-13-01", "-5m", "1000000d", "d"} {
		_, err := parseTime(text, asked)
		assert.Error(t, err, text)
	}
}

func TestSpansAreReadable(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 ms", 120 * time.Millisecond: "120 ms", 1500 * time.Millisecond: "1.5 s", 2 * time.Second: "2 s", 90 * time.Second: "1 min 30 s",
		3 * time.Minute: "3 min", 26 * time.Hour: "26 h", 49 * time.Hour: "2 d 1 h", -time.Minute: "-1 min", 59990 * time.Millisecond: "59.9 s",
	} {
		assert.Equal(t, want, span(d))
	}
}

func TestWhatProvidersWroteCannotMoveTheCursor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := ident.Order("checkout", "default", "evil")
	placed := order42("checkout", "default", "evil", "evil\x1b[2J")
	placed.Description.Lines[0].Title = "\x1b[31mred\nnew line"
	w.append(id, nil, at(0, placed))
	out := w.ok("order", "show", id.String())
	assert.NotContains(t, out, "\x1b")
	assert.Contains(t, out, "[31mred new line")
	assert.Equal(t, 0, strings.Count(out, "\nnew line"))
}
