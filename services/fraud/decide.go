package fraud

import (
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
)

// alive says that a score can still make a difference: the order is placed, of today, and has neither left nor ended.
func alive(o *order.State) bool {
	return o.Order.Placed && !o.Order.Historic && !o.Order.Ended() && !o.Completed() && !o.Order.Cancelling() && !o.Fulfillment.Shipped()
}

// due says that the order is to be scored now: money for it was heard of.
func due(o *order.State) bool {
	if !alive(o) || o.Fraud.Scored {
		return false
	}
	f := o.Funds()
	return f.Captured > 0 || f.Authorized > 0 || f.Total <= 0
}

// Decide scores an order that is due, from signals that were read for it, and records a person's review.
func (c *Config) Decide(o *order.State, t reactor.Trigger, _ time.Time) (reactor.Decision, error) {
	if t.Kind == reactor.Command {
		return reactor.Decision{Events: events(review(o, t.Command))}, nil
	}
	if err, failed := t.Extra.(error); failed {
		return reactor.Decision{}, err
	}
	signals, read := t.Extra.(*fraudv1.Signals)
	switch {
	case due(o) && read:
		return c.score(signals), nil
	case o.Fraud.Scored && o.Fraud.Review == fraudv1.Verdict_VERDICT_UNSPECIFIED && alive(o):
		return c.again(o), nil
	}
	return reactor.Decision{}, nil
}

func (c *Config) score(s *fraudv1.Signals) reactor.Decision {
	score, factors := Score(s)
	return reactor.Decision{Events: events(&fraudv1.OrderScored{
		ScoreMillis: score, Verdict: c.verdict(score), Factors: factors, Signals: s, Model: model,
	})}
}

// again looks whether what was told since makes the verdict worse: which of several reports came first must not decide
// whether an order is held. What was read about the customer stays as it was read.
func (c *Config) again(o *order.State) reactor.Decision {
	s := told(o)
	have := o.Fraud.Signals
	s.OrdersLastHour, s.OrdersLastDay, s.NewCustomer = have.GetOrdersLastHour(), have.GetOrdersLastDay(), have.GetNewCustomer()
	s.DisposableEmail, s.NoEmail = have.GetDisposableEmail(), have.GetNoEmail()
	if score, _ := Score(s); c.verdict(score) <= o.Fraud.Verdict {
		return reactor.Decision{}
	}
	return c.score(s)
}

func events(m proto.Message) []event.New { return []event.New{{Message: m}} }

// verdict compares the score as the fraction that people set limits in: 800 thousandths are not above 0.8.
func (c *Config) verdict(score int32) fraudv1.Verdict {
	risk := float64(score) / full
	switch {
	case risk > c.RejectAbove:
		return fraudv1.Verdict_VERDICT_REJECT
	case risk > c.HoldAbove:
		return fraudv1.Verdict_VERDICT_REVIEW
	}
	return fraudv1.Verdict_VERDICT_CLEAR
}

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
	case o.Order.Ended() || o.Completed():
		return refuse("the order has ended already")
	}
	return &fraudv1.ReviewDecided{Verdict: verdict, By: c.GetBy(), Reason: c.GetReason()}
}
