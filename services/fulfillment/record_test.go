package fulfillment

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/reactor"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
)

var sold = Label{Tracking: "SB1", URL: "https://labels.example/SB1", Cost: usd(7)}

func TestWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	later, now := noon.Add(time.Hour), noon.Add(10*time.Second)
	bought := said{events: []proto.Message{purchased(ship1, "SB1")}, clears: []string{timerInFlight, timerRetry}, links: []string{"tracking:sandbox:SB1"}}
	and := func(a, b said) said {
		a.events, a.asks, a.wakes = append(a.events, b.events...), b.asks, b.wakes
		a.clears = append(a.clears, b.clears...)
		return a
	}
	const nothing, refusal, unreached = "the attempt came to nothing", "the carrier refused it for good", "the carrier could not be asked"
	failsAt := func(attempt int32, at time.Time) said {
		m := &fulfillmentv1.LabelPurchaseFailed{ShipmentId: ship1, Attempt: attempt, Code: "no_label", Reason: nothing, RetryAt: timestamppb.New(at.Add(10 * time.Second))}
		return said{events: []proto.Message{m}, wakes: map[string]time.Time{timerRetry: at.Add(10 * time.Second)}, clears: []string{timerInFlight}}
	}
	fails := func(attempt int32, code, reason string, again time.Duration) said {
		m := &fulfillmentv1.LabelPurchaseFailed{ShipmentId: ship1, Attempt: attempt, Code: code, Reason: reason, RetryAt: timestamppb.New(now.Add(again))}
		return said{events: []proto.Message{m}, wakes: map[string]time.Time{timerRetry: now.Add(again)}, clears: []string{timerInFlight}}
	}
	final := func(attempt int32, code, reason string) said {
		m := &fulfillmentv1.LabelPurchaseFailed{ShipmentId: ship1, Attempt: attempt, Code: code, Reason: reason, Final: true}
		return said{events: []proto.Message{m}, clears: []string{timerInFlight}}
	}
	try := func(n int) buy { return buy{Shipment: ship1, Attempt: n, Until: flown} }
	look := lookup{Shipment: ship1, Attempt: 1, Until: flown}
	inFlight := wakes(timerInFlight, flown)
	asksEarly := said{asks: []reactor.Request{look}, wakes: inFlight.wakes}
	notThere := failsAt(1, flown)
	goesOn := []proto.Message{failed(ship1, 3, "failed", time.Time{}), held("label_failed"), unheld("label_failed", "ann"), started(ship1, 4, flown)}

	for _, s := range []struct {
		name  string
		given []proto.Message
		when  answerTo
		at    time.Time
		then  said
	}{
		{"sold", released(started(ship1, 1, flown)), answerTo{try(1), sold, nil}, now, bought},
		{"sold, told again", labelled(), answerTo{try(1), sold, nil}, now, said{}},
		{"sold, and cancelled meanwhile: voided at once", released(started(ship1, 1, flown), cancelling(1)), answerTo{try(1), sold, nil}, now, and(bought, taken(ship1, "cancelled", now))},
		{"sold, and held meanwhile", released(started(ship1, 1, flown), held("operator")), answerTo{try(1), sold, nil}, now, and(bought, taken(ship1, "hold:operator", now))},
		{"sold, and readdressed meanwhile", released(started(ship1, 1, flown), edited(1, "bb")), answerTo{try(1), sold, nil}, now, and(bought, taken(ship1, "edited", now))},
		{"sold, and scanned already", released(started(ship1, 1, flown), inTransit, cancelling(1)), answerTo{try(1), sold, nil}, now, and(bought, only(closed(1, "", "already_shipped")))},
		{"sold, too late to be believed in", released(started(ship1, 1, flown), failed(ship1, 1, "no_label", later)), answerTo{try(1), sold, nil}, now, bought},
		{"another label under the same reference: both are taken back", labelled(), answerTo{try(1), Label{Tracking: "SB2"}, nil}, now, taken(ship1, "bought twice", now)},
		{"another label, after the first was voided", labelled(voidStarted(ship1, 1, flown), voided(ship1, "edited")), answerTo{try(1), Label{Tracking: "SB2"}, nil}, now, said{
			events: []proto.Message{voidStarted(ship1, 2, now.Add(time.Minute))}, asks: []reactor.Request{void{ship1, "bought twice", 2}},
			wakes: map[string]time.Time{timerVoid: now.Add(time.Minute)},
		}},
		{"another label, but the first has left", labelled(inTransit), answerTo{try(1), Label{Tracking: "SB2"}, nil}, now, said{}},
		{"of a shipment that we know nothing of", released(), answerTo{try(1), sold, nil}, noon, wakes(timerSettle, settled)},

		{"failed once", released(started(ship1, 1, flown)), answerTo{try(1), Label{}, no(Failed, "failed")}, now, fails(1, "failed", nothing, 10*time.Second)},
		{"failed twice", released(started(ship1, 2, flown)), answerTo{try(2), Label{}, no(Failed, "failed")}, now, fails(2, "failed", nothing, time.Minute)},
		{"failed three times", released(started(ship1, 3, flown)), answerTo{try(3), Label{}, no(Failed, "failed")}, now, final(3, "failed", nothing)},
		{"a fourth time, by an operator's word: three more", released(started(ship1, 4, flown)), answerTo{try(4), Label{}, no(Failed, "failed")}, now, fails(4, "failed", nothing, 10*time.Second)},
		{"a fourth time, the hold was let go: on, ever more slowly", released(goesOn...), answerTo{try(4), Label{}, no(Failed, "failed")}, now, fails(4, "failed", nothing, 2*time.Minute)},
		{"refused", released(started(ship1, 1, flown)), answerTo{try(1), Label{}, no(Refused, "bad_address")}, now, final(1, "bad_address", refusal)},
		{"refused, the hold was let go: on, ever more slowly", released(goesOn...), answerTo{try(4), Label{}, no(Refused, "bad_address")}, now, fails(4, "bad_address", refusal, 2*time.Minute)},
		{"down: it was never asked", released(started(ship1, 3, flown)), answerTo{try(3), Label{}, no(Down, "http_503")}, now, fails(3, "carrier_down:http_503", unreached, 10*time.Second)},
		{"down for the third time: later each time",
			released(started(ship1, 1, flown), failed(ship1, 1, "carrier_down:x", now), failed(ship1, 1, "carrier_down:x", now), started(ship1, 1, flown)),
			answerTo{try(1), Label{}, no(Down, "http_503")}, now, fails(1, "carrier_down:http_503", unreached, 40*time.Second)},
		{"failed, and cancelled meanwhile", released(started(ship1, 1, flown), cancelling(1)), answerTo{try(1), Label{}, no(Failed, "failed")}, now,
			and(fails(1, "failed", nothing, 10*time.Second), said{events: []proto.Message{closed(1, "nothing_started", "")}, wakes: map[string]time.Time{timerRetry: now.Add(10 * time.Second)}})},
		{"nobody knows: it is looked up at once, and once more when its time is over", released(started(ship1, 1, flown)), answerTo{try(1), Label{}, no(Unknown, "timeout")}, now, asksEarly},
		{"an error that no carrier sorted", released(started(ship1, 1, flown)), answerTo{try(1), Label{}, errors.New("panic")}, now, asksEarly},
		{"nobody knows, and its time is over", released(started(ship1, 1, flown)), answerTo{try(1), Label{}, no(Unknown, "timeout")}, flown, said{
			asks: []reactor.Request{look}, wakes: map[string]time.Time{timerInFlight: flown.Add(30 * time.Second)},
		}},
		{"nobody knows, and it was made again since", released(started(ship1, 1, later)), answerTo{try(1), Label{}, no(Unknown, "timeout")}, now, wakes(timerInFlight, later)},
		{"failed, but that attempt has ended: no longer news", released(started(ship1, 2, later)), answerTo{try(1), Label{}, no(Failed, "failed")}, now, wakes(timerInFlight, later)},
		{"down, but the same attempt was made again since", released(started(ship1, 1, later)), answerTo{try(1), Label{}, no(Down, "paused")}, now, wakes(timerInFlight, later)},

		{"looked up and found", released(started(ship1, 1, flown)), answerTo{look, sold, nil}, later, bought},
		{"looked up early and found", released(started(ship1, 1, flown)), answerTo{look, sold, nil}, now, bought},
		{"looked up early, and there is none yet: it may still be on its way", released(started(ship1, 1, flown)), answerTo{look, Label{}, no(NotFound, "no_label")}, now, inFlight},
		{"looked up early in vain, and cancelled meanwhile: the answer waits for it", released(started(ship1, 1, flown), cancelling(1)), answerTo{look, Label{}, no(NotFound, "no_label")}, now, inFlight},
		{"looked up, and there is none: the next attempt", released(started(ship1, 1, flown)), answerTo{look, Label{}, no(NotFound, "no_label")}, flown, notThere},
		{"looked up a third attempt, and there is none", released(started(ship1, 3, flown)), answerTo{lookup{ship1, 3, flown}, Label{}, no(NotFound, "no_label")}, flown, final(3, "no_label", nothing)},
		{"cannot be looked up: not bought again, and not asked again at once", released(started(ship1, 1, flown)), answerTo{look, Label{}, no(Down, "http_503")}, later, wakes(timerInFlight, later.Add(30*time.Second))},
		{"the lookup is refused: that says nothing about the label", released(started(ship1, 1, flown)), answerTo{look, Label{}, no(Refused, "http_400")}, later, wakes(timerInFlight, later.Add(30*time.Second))},
		{"an old lookup of an attempt that was made again", released(started(ship1, 1, later)), answerTo{look, Label{}, no(NotFound, "no_label")}, now, wakes(timerInFlight, later)},

		{"voided", labelled(held("operator"), voidStarted(ship1, 1, flown)), answerTo{void{ship1, "hold:operator", 1}, Label{}, nil}, now,
			said{events: []proto.Message{voided(ship1, "hold:operator")}, clears: []string{timerVoid}}},
		{"voided for a cancellation", labelled(cancelling(1), voidStarted(ship1, 1, flown)), answerTo{void{ship1, "cancelled", 1}, Label{}, nil}, now,
			said{events: []proto.Message{voided(ship1, "cancelled"), closed(1, "voided", "")}, clears: []string{timerVoid}}},
		{"voided, told again", labelled(voidStarted(ship1, 1, flown), voided(ship1, "edited")), answerTo{void{ship1, "edited", 1}, Label{}, nil}, now, said{}},
		{"voided by an attempt that is not the latest: that one may have to void more", labelled(voidStarted(ship1, 2, later)), answerTo{void{ship1, "edited", 1}, Label{}, nil}, now, wakes(timerVoid, later)},
		{"the void is refused, a cancellation waits: it cannot", labelled(cancelling(1), voidStarted(ship1, 1, flown)), answerTo{void{ship1, "cancelled", 1}, Label{}, no(Refused, "already_scanned")}, now,
			said{events: []proto.Message{closed(1, "", "void_refused")}, wakes: map[string]time.Time{timerVoid: flown}}},
		{"the void is refused: later again", labelled(held("operator"), voidStarted(ship1, 1, flown)), answerTo{void{ship1, "hold:operator", 1}, Label{}, no(Refused, "already_scanned")}, now, wakes(timerVoid, flown)},
		{"nobody knows whether it is void", labelled(cancelling(1), voidStarted(ship1, 1, flown)), answerTo{void{ship1, "cancelled", 1}, Label{}, no(Unknown, "timeout")}, now, wakes(timerVoid, flown)},
		{"a void of a shipment that we know nothing of", labelled(), answerTo{void{ship2, "cancelled", 1}, Label{}, nil}, now, said{}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			d, err := s.when.record(given(t, s.given...), s.at)
			require.NoError(t, err)
			hear(t, s.then, d)
		})
	}
}
