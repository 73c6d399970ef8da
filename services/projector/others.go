package projector

import (
	"github.com/orderflow/orderflow/pkg/order"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
)

// fraudScores is one row for an order that was scored.
var fraudScores = children("fraud_scores", "order_id", orderOf, scored,
	one("score", decimal, func(f order.Fraud) any { return thousandths(f.ScoreMillis) }),
	one("verdict", text, func(f order.Fraud) any { return verdict(f.Verdict) }),
	one("velocity", decimal, func(f order.Fraud) any { return factor(f, "velocity") }),
	one("geography", decimal, func(f order.Fraud) any { return factor(f, "geography") }),
	one("payment", decimal, func(f order.Fraud) any { return factor(f, "payment") }),
	one("behaviour", decimal, func(f order.Fraud) any { return factor(f, "behaviour") }),
	one("reasons", list, func(f order.Fraud) any { return cleanAll(reasons(f)) }),
	one("review_verdict", text, func(f order.Fraud) any {
		if f.Review == fraudv1.Verdict_VERDICT_UNSPECIFIED {
			return nil
		}
		return verdict(f.Review)
	}),
	one("reviewed_by", text, func(f order.Fraud) any { return some(f.ReviewBy) }),
	one("scored_at", instant, func(f order.Fraud) any { return when(f.ScoredAt) }),
)

func scored(f *facts) []order.Fraud {
	if !f.state.Fraud.Scored {
		return nil
	}
	return []order.Fraud{f.state.Fraud}
}

func verdict(v fraudv1.Verdict) string { return word(v.String(), "VERDICT_") }

func factor(f order.Fraud, name string) any {
	for _, part := range f.Factors {
		if part.GetName() == name {
			return thousandths(int(part.GetScoreMillis()))
		}
	}
	return nil
}

func reasons(f order.Fraud) []string {
	var all []string
	for _, part := range f.Factors {
		all = append(all, part.GetReasons()...)
	}
	return all
}

// notifications is one row per message to the customer.
var notifications = children("notifications", "order_id", orderOf,
	func(f *facts) []order.Message { return f.state.Notification.Sent },
	one("kind", text, func(m order.Message) any { return word(m.Kind.String(), "KIND_") }),
	one("subject", text, func(m order.Message) any { return some(m.Subject) }),
	one("outcome", text, func(m order.Message) any { return m.Outcome }),
	one("reason", text, func(m order.Message) any { return some(m.Reason) }),
	one("told_at", instant, func(m order.Message) any { return when(m.At) }),
	one("channel", text, func(m order.Message) any { return m.Channel }),
	one("provider", text, func(m order.Message) any { return some(m.Provider) }),
	one("message_id", text, textID),
	one("report", text, func(m order.Message) any { return some(m.Report) }),
	one("error_code", text, func(m order.Message) any { return some(m.ReportCode) }),
	one("reported_at", instant, func(m order.Message) any { return when(m.ReportedAt) }),
)

// textID is the provider's id of a text. That of a mail follows from its order, and stands in its event.
func textID(m order.Message) any {
	if m.Provider == "" {
		return nil
	}
	return some(m.ID)
}
