package orders

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Descriptions told in any order and any number of times come to the same order: also those that change something and
// change it back, and drafts among the shop's own.
func TestDescriptionsComeToTheSameOrder(t *testing.T) {
	t.Parallel()
	one := rapid.Custom(func(t *rapid.T) reactor.Trigger {
		o := described(quantity(rapid.Int64Range(1, 2).Draw(t, "quantity")), at(noon.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "at"))*time.Minute)))
		o.Draft = rapid.Bool().Draw(t, "draft")
		if rapid.Bool().Draw(t, "moved") {
			o.Person.Shipping.City = "Bonn"
		}
		trigger := describedAs(o)
		trigger.Revision = rapid.Uint32Range(0, 1).Draw(t, "revision")
		return trigger
	})
	rapid.Check(t, func(t *rapid.T) {
		told := rapid.SliceOfN(one, 1, 7).Draw(t, "told")
		repeated := append(append([]reactor.Trigger{}, told...), rapid.SliceOfN(rapid.SampledFrom(told), 0, 4).Draw(t, "repeats")...)
		shuffled := rapid.Permutation(repeated).Draw(t, "shuffled")
		want, got := given(t), given(t)
		for _, trigger := range told {
			decide(t, rules, want, trigger, noon)
		}
		for _, trigger := range shuffled {
			decide(t, rules, got, trigger, noon)
		}
		assert.True(t, proto.Equal(want.Order.Description, got.Order.Description), "%v\n%v", want.Order.Description, got.Order.Description)
	})
}

// Whatever has happened, deciding and looking again gives nothing: life() is done when it is done.
func TestLookingAgainGivesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := given(t)
		now := noon
		for range rapid.IntRange(1, 15).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 60, 3 * 60, 200 * 60}).Draw(t, "minutes")) * time.Minute)
			if m := rapid.SampledFrom(world(&s.Order)).Draw(t, "news"); m != nil {
				record(t, s, now, m)
			}
			trigger := rapid.SampledFrom(triggers()).Draw(t, "trigger")
			releases := len(s.Order.Releases)
			d := decide(t, rules, s, trigger, now)
			if trigger.Kind == reactor.Command {
				require.NotEmpty(t, d.Events, "a command always leaves an event")
			}
			if len(s.Order.Releases) > releases {
				assert.Len(t, s.Order.Releases, releases+1, "released once")
				assert.True(t, s.Releasable())
			}
			again, err := rules.Decide(s.Clone(), ring, now)
			require.NoError(t, err)
			require.Empty(t, names(again))
			assert.Contains(t, append([]int{}, 0, 1), len(d.Timers))
			if s.Order.Placed && !s.Order.Historic && !s.Order.Ended() && !s.Completed() && len(s.Order.Releases) == 0 && len(d.Events) > 0 && !s.Fulfillment.Shipped() {
				assert.Len(t, d.Timers, 1, "who waits is looked at again")
			}
		}
	})
}

// world are the steps that others may take at any time, sensible or not.
func world(o *order.Order) []proto.Message {
	steps := []proto.Message{
		nil, nil, captured(50), captured(20), refunded(50), dispute(opened), dispute(intakev1.DisputeStep_DISPUTE_STEP_WON), cleared,
		scored(review), scored(reject), &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_CLEAR}, allocated(2), allocated(1),
		backordered(noon.Add(time.Hour)), &inventoryv1.AllocationClosed{Outcome: "shipped"}, scan("1"),
		shippedElsewhere(1), shippedElsewhere(2, "SB9"), scan("9"),
	}
	if latest := o.LatestRelease(); latest != nil { // nobody asks for a label of what was not released
		n := strconv.Itoa(latest.Number)
		steps = append(steps, labelStarted(n), labelFailed(n, false), labelFailed(n, true), label(n), label(n), voided(n), scan(n), deliveredScan(n))
	}
	if asked := o.Cancellation; asked != nil { // nobody answers what was not asked
		number := int32(asked.Number)
		steps = append(append(steps, answered(number)...), fulfillmentClosed(number, "already_shipped"), fulfillmentClosed(number, "void_refused"))
	}
	return steps
}

func triggers() []reactor.Trigger {
	return []reactor.Trigger{
		ring, ring, ring, describedAs(described()), describedAs(described(quantity(1), at(noon.Add(time.Minute)))),
		describedAs(described(digital, at(noon.Add(2*time.Minute)))), describedAs(described(noAddress, asDraft)), cancelled(),
		historic(describedAs(described())), historic(cancelled()),
		command(&commandv1.CancelOrder{}), command(&commandv1.HoldOrder{}), command(&commandv1.ReleaseHold{Kind: "operator"}),
		command(&commandv1.ReleaseHold{Kind: "address"}),
	}
}

// Absurd descriptions are recorded as they were told and held; nothing panics and nothing wraps around.
func TestAbsurdDescriptionsAreHeld(t *testing.T) {
	t.Parallel()
	amount := rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, 25, 50, math.MaxInt64 / 2, math.MaxInt64})
	rapid.Check(t, func(t *rapid.T) {
		o := described()
		o.Currency = rapid.SampledFrom([]string{"USD", "JPY", "XQQ", ""}).Draw(t, "currency")
		o.Totals = &typev1.Totals{
			Total: usd(amount.Draw(t, "total")), Tax: usd(amount.Draw(t, "tax")), Shipping: usd(amount.Draw(t, "shipping")),
			Discount: usd(amount.Draw(t, "discount")), TaxIncluded: rapid.Bool().Draw(t, "included"),
		}
		o.Lines = nil
		for range rapid.IntRange(0, 3).Draw(t, "lines") {
			o.Lines = append(o.Lines, &typev1.Line{
				Id: "1", Sku: "MUG", Quantity: amount.Draw(t, "quantity"), UnitPrice: usd(amount.Draw(t, "price")), Discount: usd(amount.Draw(t, "off")),
			})
		}
		s := given(t)
		d := decide(t, rules, s, describedAs(o), noon)
		require.Equal(t, "OrderPlaced", names(d)[0])
		recorded, ok := d.Events[0].Message.(*orderv1.OrderPlaced)
		require.True(t, ok)
		assert.True(t, proto.Equal(o.GetTotals(), recorded.GetDescription().GetTotals()), "as it was told")
		for _, l := range o.GetLines() {
			if l.GetQuantity() < 0 || l.GetQuantity() > maxQuantity {
				assert.NotEmpty(t, s.Order.Holds)
			}
		}
		if o.GetTotals().GetTotal().GetMinorUnits() < 0 || o.GetCurrency() == "XQQ" || o.GetCurrency() == "" {
			assert.NotEmpty(t, s.Order.Holds)
		}
		record(t, s, noon, captured(math.MaxInt64), cleared)
		decide(t, rules, s, ring, noon)
		assert.Empty(t, s.Order.Releases, "nothing was reserved")
	})
}

// What is checked digit by digit here is checked with numbers that have no end there.
func TestArithmeticIsExactOrSaysThatItDoesNotFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		price, n := rapid.Int64Min(0).Draw(t, "price"), rapid.Int64Range(0, 1000).Draw(t, "quantity")
		got, ok := times(price, n)
		fits := n == 0 || price <= math.MaxInt64/n
		assert.Equal(t, fits, ok)
		if fits {
			assert.Equal(t, price*n, got)
		}
	})
}

func TestTheHashCoversWhatWasSaidAndNotWhen(t *testing.T) {
	t.Parallel()
	same := description(at(noon.Add(time.Hour)))
	assert.Equal(t, description().GetContentHash(), same.GetContentHash())
	for name, change := range map[string]func(*intakev1.OrderDescribed){
		"lines": quantity(1), "total": total(1), "draft": asDraft, "address": noAddress,
		"customer":  func(o *intakev1.OrderDescribed) { o.Person.Email = "b@example.com" },
		"placed at": func(o *intakev1.OrderDescribed) { o.PlacedAt = timestamppb.New(noon.Add(time.Second)) },
	} {
		assert.NotEqual(t, description().GetContentHash(), description(change).GetContentHash(), name)
	}
}
