package sandbox

import (
	"errors"
	"fmt"
	"time"
)

// Config is what an operator can set about the sandbox.
type Config struct {
	Listen     string `env:"SANDBOX_LISTEN" envDefault:"127.0.0.1:8090" desc:"Address of the sandbox's carrier API, its phone (Twilio's Messages API) and the pages of both and of the mailbox."`
	SMTPListen string `env:"SANDBOX_SMTP_LISTEN" envDefault:"127.0.0.1:1025" desc:"Address where the sandbox takes mail."`
	Dir        string `env:"SANDBOX_DIR" desc:"Folder of the sandbox's books. Empty: they are in memory and a restart forgets them."`
	MailsMost  int    `env:"SANDBOX_MAILS_MOST" envDefault:"100000" desc:"How many mails the sandbox shows; older ones make room."`

	CarrierKey    string `env:"SANDBOX_CARRIER_KEY" secret:"true" desc:"Key that the sandbox's carrier asks for: Authorization: Bearer <key>."`
	WebhookSecret string `env:"SANDBOX_WEBHOOK_SECRET" secret:"true" desc:"Signs the sandbox carrier's tracking webhooks: whsec_ and base64 of 24 to 64 bytes."`
	TrackingURL   string `env:"SANDBOX_TRACKING_URL" desc:"Where the sandbox carrier posts its scans: http://host:port/webhooks/sandbox. Empty: scans stand in its books only."`

	TwilioAccount string   `env:"TWILIO_ACCOUNT_SID" desc:"The Twilio account that texts are sent from: AC and 32 hexadecimal digits."`
	TwilioTokens  []string `env:"TWILIO_AUTH_TOKEN" secret:"true" desc:"Auth token of the Twilio account: signs its status callbacks, and texts are sent with the first one. Several, separated by commas, while it is changed; TWILIO_AUTH_TOKEN_<ACCOUNT> for callbacks of further accounts."`

	ScanAfter time.Duration `env:"SANDBOX_SCAN_AFTER" envDefault:"1s" desc:"How long after it was bought a label is scanned for the first time."`
	ScanEvery time.Duration `env:"SANDBOX_SCAN_EVERY" envDefault:"1s" desc:"How long after one scan the next one follows."`
	Scans     string        `env:"SANDBOX_SCANS" envDefault:"all" desc:"What is scanned of a parcel whose address asks for nothing else: all (picked up, out for delivery, delivered), or delivered alone."`
	Slow      time.Duration `env:"SANDBOX_SLOW" envDefault:"15s" desc:"How late the carrier answers an address that says sandbox:slow."`
	Latency   time.Duration `env:"SANDBOX_LATENCY" envDefault:"0s" desc:"How long the carrier thinks about every call."`
	FailRate  float64       `env:"SANDBOX_FAIL_RATE" envDefault:"0" desc:"Share of calls, 0 to 1, that the carrier fails without doing anything."`
	Seed      uint64        `env:"SANDBOX_SEED" envDefault:"1" desc:"Seed of the generator that picks the calls to fail."`
}

// Check refuses settings that would be noticed only when the first label is bought.
func (c *Config) Check() error {
	var errs []error
	if c.CarrierKey == "" {
		errs = append(errs, errors.New("SANDBOX_CARRIER_KEY is not set: the carrier sells to nobody without a key"))
	}
	if c.TrackingURL != "" {
		if _, err := parseSecrets(c.WebhookSecret); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Scans != scansAll && c.Scans != scansDelivered {
		errs = append(errs, fmt.Errorf("SANDBOX_SCANS is %s or %s", scansAll, scansDelivered))
	}
	if c.FailRate < 0 || c.FailRate > 1 {
		errs = append(errs, errors.New("SANDBOX_FAIL_RATE is a share: from 0 to 1"))
	}
	if c.MailsMost < 1 {
		errs = append(errs, errors.New("SANDBOX_MAILS_MOST is at least 1"))
	}
	if c.ScanAfter < 0 || c.ScanEvery < 0 || c.Slow < 0 || c.Latency < 0 {
		errs = append(errs, errors.New("SANDBOX_SCAN_AFTER, SANDBOX_SCAN_EVERY, SANDBOX_SLOW and SANDBOX_LATENCY are not negative"))
	}
	return errors.Join(errs...)
}
