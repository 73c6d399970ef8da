package fulfillment

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Rules are what an operator can set about when a label is bought. The decisions hang on them and are pure: state,
// trigger and time in, a decision out.
type Rules struct {
	SettleDelay time.Duration `env:"FULFILLMENT_SETTLE_DELAY" envDefault:"5s" desc:"How long a released order waits for second thoughts before its label is bought."`
	RetryDelay  time.Duration `env:"FULFILLMENT_RETRY_DELAY" envDefault:"10s" desc:"How long after a failed attempt a label is tried again; six times as long after the second."`
	// CallTimeout bounds one request to the carrier. An attempt may be in flight for three times as long: the wait for
	// a free place, the call, and one more for whoever records the answer.
	CallTimeout time.Duration `env:"CARRIER_TIMEOUT" envDefault:"10s" desc:"How long the carrier may take to answer one request."`
}

// Config is everything that an operator can set about fulfillment.
type Config struct {
	Rules
	CarrierURL   string `env:"CARRIER_URL" desc:"Where the carrier's API is: https://host[/path]. Fulfillment needs it."`
	CarrierKey   string `env:"CARRIER_KEY" secret:"true" desc:"The key that the carrier gave us for its API. Fulfillment needs it."`
	CarrierCalls int    `env:"CARRIER_CALLS" envDefault:"8" desc:"How many requests to the carrier may be under way at once."`
}

// timeoutMost leaves the loop, which gives a call a minute, time to record the answer.
const timeoutMost = 30 * time.Second

// Check says everything that cannot work, without telling the key.
func (c *Config) Check() error {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	switch at, err := url.Parse(c.CarrierURL); {
	case c.CarrierURL == "":
		add("CARRIER_URL is not set: fulfillment needs it")
	case err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https"):
		add("CARRIER_URL cannot be read: it looks like https://carrier.example/api")
	case at.User != nil || at.RawQuery != "" || at.Fragment != "":
		add("CARRIER_URL holds more than an address: user, query and fragment do not belong into it, the key is CARRIER_KEY")
	}
	if c.CarrierKey == "" {
		add("CARRIER_KEY is not set: fulfillment needs it")
	}
	if c.SettleDelay < 0 {
		add("FULFILLMENT_SETTLE_DELAY is below zero: 0s buys labels at once")
	}
	if c.RetryDelay <= 0 {
		add("FULFILLMENT_RETRY_DELAY has to be above zero: the carrier would be asked without a pause")
	}
	if c.CallTimeout <= 0 || c.CallTimeout > timeoutMost {
		add("CARRIER_TIMEOUT has to be above zero and at most %s", timeoutMost)
	}
	if c.CarrierCalls < 1 {
		add("CARRIER_CALLS has to be at least 1")
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n  ")) // as the host lists them
	}
	return nil
}

// inFlight is how long an attempt may be under way.
func (r Rules) inFlight() time.Duration { return 3 * r.CallTimeout }
