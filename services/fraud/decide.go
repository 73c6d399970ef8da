package fraud

import (
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
)

// due says that the order is to be scored now: it is placed, alive, of today, and money for it was heard of.
func due(o *order.State) bool {
	if !o.Order.Placed || o.Order.Historic || o.Order.Ended() || o.Order.Cancelling() || o.Fraud.Scored {
		return false
	}
	f := o.Funds()
	return f.Captured > 0 || f.Authorized > 0 || f.Total <= 0
}

// Decide scores an order that is due, from signals that were read for it, and records a person's review.
func (c Config) Decide(o *order.State, t reactor.Trigger, _ time.Time) (reactor.Decision, error) {
	if t.Kind == reactor.Command {
		return reactor.Decision{Events: events(review(o, t.Command))}, nil
	}
	signals, read := t.Extra.(*fraudv1.Signals)
	if !read || !due(o) {
		return reactor.Decision{}, nil
	}
	score, factors := Score(signals)
	return reactor.Decision{Events: events(&fraudv1.OrderScored{
		ScoreMillis: score, Verdict: c.verdict(score), Factors: factors, Signals: signals, Model: model,
	})}, nil
}

func events(m proto.Message) []event.New { return []event.New{{Message: m}} }

func (c Config) verdict(score int32) fraudv1.Verdict {
	switch {
	case score > millis(c.RejectAbove):
		return fraudv1.Verdict_VERDICT_REJECT
	case score > millis(c.HoldAbove):
		return fraudv1.Verdict_VERDICT_REVIEW
	}
	return fraudv1.Verdict_VERDICT_CLEAR
}

func millis(limit float64) int32 { return int32(math.Round(limit * full)) }

// review records what a person decided. Only a scored order that has not ended can be reviewed, and again if the
// person changes his mind.
func review(o *order.State, c *commandv1.Command) proto.Message {
	refuse := func(why string) proto.Message { return &fraudv1.CommandRefused{Command: "review", Reason: why} }
	body, ok := c.GetBody().(*commandv1.Command_DecideReview)
	if !ok {
		return &fraudv1.CommandRefused{Command: "unknown", Reason: "fraud knows no such command; is this an older version?"}
	}
	verdicts := map[string]fraudv1.Verdict{"clear": fraudv1.Verdict_VERDICT_CLEAR, "reject": fraudv1.Verdict_VERDICT_REJECT}
	verdict, known := verdicts[strings.ToLower(body.DecideReview.GetVerdict())]
	switch {
	case !known:
		return refuse("a verdict is clear or reject")
	case !o.Fraud.Scored:
		return refuse("the order has no score yet")
	case o.Order.Ended() || o.Order.Completed:
		return refuse("the order has ended already")
	}
	return &fraudv1.ReviewDecided{Verdict: verdict, By: c.GetBy(), Reason: c.GetReason()}
}
