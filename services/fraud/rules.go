package fraud

import (
	"fmt"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
)

// model names this rule set in every score that it made.
const model = "rules-1"

// full is a score of 1: scores are thousandths, so that they are exact and the same on every machine.
const full = 1000

// weights say how much a factor at its worst can contribute by itself, in thousandths.
var weights = map[string]int32{"velocity": 850, "geography": 600, "payment": 900, "behaviour": 600}

// Score is the order's risk in thousandths with the factors that it is made of. The factors are combined as
// independent reasons to doubt: 1 − Π(1 − weight × factor). So one very bad factor is enough, and many small doubts
// add up without ever passing 1.
func Score(s *fraudv1.Signals) (int32, []*fraudv1.Factor) {
	const one = full * full // millionths
	factors := []*fraudv1.Factor{velocity(s), geography(s), payment(s), behaviour(s)}
	trust := int64(one)
	for _, f := range factors {
		f.WeightMillis = weights[f.GetName()]
		doubt := int64(f.GetScoreMillis()) * int64(f.GetWeightMillis())
		trust = trust * (one - doubt) / one
	}
	return int32((one - trust) / full), factors
}

// points is a factor in the making: reasons add up to at most 1.
type points struct{ *fraudv1.Factor }

func factor(name string) points { return points{&fraudv1.Factor{Name: name}} }

func (p points) add(when bool, millis int32, format string, args ...any) {
	if when {
		p.ScoreMillis = min(full, p.ScoreMillis+millis)
		p.Reasons = append(p.Reasons, fmt.Sprintf(format, args...))
	}
}

// velocity doubts a customer who orders unusually often.
func velocity(s *fraudv1.Signals) *fraudv1.Factor {
	f := factor("velocity")
	hour, day := s.GetOrdersLastHour(), s.GetOrdersLastDay()
	f.add(hour > 10, full, "%d orders within an hour", hour)
	f.add(hour > 5 && hour <= 10, 600, "%d orders within an hour", hour)
	f.add(hour > 3 && hour <= 5, 300, "%d orders within an hour", hour)
	f.add(day > 20, 400, "%d orders within a day", day)
	return f.Factor
}

// geography doubts countries that do not fit together. What is not known counts for nothing.
func geography(s *fraudv1.Signals) *fraudv1.Factor {
	f := factor("geography")
	ship, bill, pay := s.GetShippingCountry(), s.GetBillingCountry(), s.GetPaymentCountry()
	f.add(differ(ship, bill), 400, "ships to %s, billed to %s", ship, bill)
	f.add(differ(pay, ship) && pay != bill, 500, "paid from %s, ships to %s", pay, ship) // who pays from home may send a gift
	f.add(differ(pay, bill), 400, "paid from %s, billed to %s", pay, bill)
	return f.Factor
}

func differ(a, b string) bool { return a != "" && b != "" && a != b }

// payment doubts payments that the provider doubts, that took many attempts, or that are unusually large.
func payment(s *fraudv1.Signals) *fraudv1.Factor {
	f := factor("payment")
	f.add(s.GetProviderRisk() == "highest", full, "the payment provider sees the highest risk")
	f.add(s.GetProviderRisk() == "elevated", 500, "the payment provider sees an elevated risk")
	f.add(s.GetFailedAttempts() >= 5, 600, "%d attempts failed before", s.GetFailedAttempts())
	f.add(s.GetFailedAttempts() >= 2 && s.GetFailedAttempts() < 5, 300, "%d attempts failed before", s.GetFailedAttempts())
	f.add(s.GetLargeTotal(), 300, "the total is unusually large")
	return f.Factor
}

// behaviour doubts how the order was made.
func behaviour(s *fraudv1.Signals) *fraudv1.Factor {
	f := factor("behaviour")
	f.add(s.GetDisposableEmail(), 600, "the e-mail address is a disposable one")
	f.add(s.GetNoEmail(), 200, "there is no e-mail address")
	f.add(s.GetLargestQuantity() > 50, 500, "%d pieces of one line", s.GetLargestQuantity())
	f.add(s.GetLargestQuantity() > 10 && s.GetLargestQuantity() <= 50, 200, "%d pieces of one line", s.GetLargestQuantity())
	f.add(s.GetNewCustomer() && s.GetLargeTotal(), 300, "a first order with an unusually large total")
	return f.Factor
}
