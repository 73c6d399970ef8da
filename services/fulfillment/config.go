package fulfillment

import "time"

// Rules are what an operator can set about when a label is bought. The decisions hang on them and are pure: state,
// trigger and time in, a decision out.
type Rules struct {
	SettleDelay time.Duration `env:"FULFILLMENT_SETTLE_DELAY" envDefault:"5s" desc:"How long a released order waits for second thoughts before its label is bought."`
	RetryDelay  time.Duration `env:"FULFILLMENT_RETRY_DELAY" envDefault:"10s" desc:"How long after a failed attempt a label is tried again; six times as long after the second."`
	// CallTimeout bounds one request to the carrier. An attempt may be in flight for three times as long: buying,
	// looking it up, and the wait for a free place.
	CallTimeout time.Duration `env:"CARRIER_TIMEOUT" envDefault:"10s" desc:"How long the carrier may take to answer one request."`
}

// inFlight is how long an attempt may be under way.
func (r Rules) inFlight() time.Duration { return 3 * r.CallTimeout }
