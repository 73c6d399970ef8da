package notifier

import (
	"errors"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Config is what an operator can set about messages to customers.
type Config struct {
	SMTPURL string `env:"SMTP_URL" secret:"true" desc:"Mail server: smtp://user:password@host:587, or smtps://. ?starttls=require, opportunistic or none; without it: require where there is a password, else opportunistic."`
	From    string `env:"MAIL_FROM" desc:"Sender of mails: Shop <orders@example.com>."`
	ReplyTo string `env:"MAIL_REPLY_TO" desc:"Where answers to mails go; empty: to the sender."`
	Shop    string `env:"SHOP_NAME" envDefault:"Our shop" desc:"Name of the shop in mails."`

	SMTPTimeout     time.Duration `env:"SMTP_TIMEOUT" envDefault:"10s" desc:"How long the mail server may take to answer."`
	SMTPConnections int           `env:"SMTP_CONNECTIONS" envDefault:"4" desc:"How many mails are sent at the same time."`

	TwilioAccount   string   `env:"TWILIO_ACCOUNT_SID" desc:"The Twilio account that texts are sent from: AC and 32 hexadecimal digits."`
	TwilioTokens    []string `env:"TWILIO_AUTH_TOKEN" secret:"true" desc:"Auth token of the Twilio account: signs its status callbacks, and texts are sent with the first one. Several, separated by commas, while it is changed; TWILIO_AUTH_TOKEN_<ACCOUNT> for callbacks of further accounts."`
	TwilioFrom      string   `env:"TWILIO_FROM" desc:"Who texts are from: a number like +15005550006, a short code, a word of at most 11 letters, or a messaging service (MG…)."`
	TwilioURL       string   `env:"TWILIO_API_URL" envDefault:"https://api.twilio.com" desc:"Address of Twilio's API."`
	TwilioStatusURL string   `env:"TWILIO_STATUS_URL" desc:"Where Twilio reports what became of a text: https://hooks.example.com/webhooks/twilio. Empty: it does not report."`

	Rules
}

// Rules are the settings that decisions hang on. The decisions are pure: state, trigger and time in, a decision out.
type Rules struct {
	HeldAfter time.Duration `env:"NOTIFIER_HELD_AFTER" envDefault:"1m" desc:"How long an order is on hold before its customer is told: many holds answer themselves in seconds."`

	SMSProvider string        `env:"SMS_PROVIDER" envDefault:"none" desc:"Who sends texts, beside the mails, to customers with a phone number: none or twilio."`
	SMSKinds    []string      `env:"SMS_KINDS" envDefault:"shipped,delivered" desc:"What customers are told by text: shipped, delivered, or both."`
	SMSWithin   time.Duration `env:"SMS_WITHIN" envDefault:"6h" desc:"How old news may get before it is no longer told by text."`
	SMSTimeout  time.Duration `env:"SMS_TIMEOUT" envDefault:"10s" desc:"How long the provider may take to take a text."`
}

// Check refuses settings that would be noticed only when the first mail is sent.
func (c *Config) Check() error {
	var errs []error
	if c.SMTPURL == "" {
		errs = append(errs, errors.New("SMTP_URL is not set: customers are told by mail"))
	} else if _, err := parseServer(c.SMTPURL); err != nil {
		errs = append(errs, err)
	}
	if _, err := mail.ParseAddress(c.From); c.From == "" {
		errs = append(errs, errors.New("MAIL_FROM is not set: the sender of mails, like Shop <orders@example.com>"))
	} else if err != nil {
		errs = append(errs, errors.New("MAIL_FROM is no address: it looks like Shop <orders@example.com>"))
	}
	if _, err := mail.ParseAddress(c.ReplyTo); c.ReplyTo != "" && err != nil {
		errs = append(errs, errors.New("MAIL_REPLY_TO is no address: it looks like Help <help@example.com>"))
	}
	if c.SMTPConnections < 1 || c.SMTPTimeout <= 0 {
		errs = append(errs, errors.New("SMTP_CONNECTIONS and SMTP_TIMEOUT are above 0"))
	}
	if c.HeldAfter < 0 {
		errs = append(errs, errors.New("NOTIFIER_HELD_AFTER is not negative"))
	}
	return errors.Join(append(errs, c.checkTexts()...)...)
}

var (
	twilioAccount = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	twilioSender  = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|MG[0-9a-fA-F]{32}|[0-9A-Za-z ]{1,11})$`)
)

// checkTexts refuses what cannot be meant about texts, if anybody is to send them.
func (c *Config) checkTexts() []error {
	var errs []error
	wrong := func(is bool, what string) {
		if is {
			errs = append(errs, errors.New(what))
		}
	}
	switch c.SMSProvider {
	case "", "none":
		return nil
	case twilioProvider:
	default:
		return []error{errors.New("SMS_PROVIDER is none or twilio")}
	}
	wrong(!twilioAccount.MatchString(c.TwilioAccount), "TWILIO_ACCOUNT_SID is not set to AC and 32 hexadecimal digits")
	wrong(len(c.TwilioTokens) == 0 || strings.TrimSpace(c.TwilioTokens[0]) == "", "TWILIO_AUTH_TOKEN is not set: texts are sent with it")
	wrong(!twilioSender.MatchString(c.TwilioFrom), "TWILIO_FROM is not set to a number, a short code, a word or a messaging service")
	wrong(!webAddress(c.TwilioURL), "TWILIO_API_URL is no address: it looks like https://api.twilio.com")
	wrong(c.TwilioStatusURL != "" && !webAddress(c.TwilioStatusURL), "TWILIO_STATUS_URL is no address: it looks like https://hooks.example.com/webhooks/twilio")
	for _, kind := range c.SMSKinds {
		wrong(!slices.Contains(textKinds, kind), "SMS_KINDS are shipped and delivered")
	}
	wrong(len(c.SMSKinds) == 0, "SMS_KINDS names nothing: SMS_PROVIDER=none sends no texts")
	wrong(c.SMSTimeout <= 0 || c.SMSTimeout > time.Minute, "SMS_TIMEOUT is above 0 and at most 1m")
	wrong(c.SMSWithin < time.Minute, "SMS_WITHIN is at least 1m")
	return errs
}

// webAddress says that a setting is where something can be asked over HTTP.
func webAddress(setting string) bool {
	u, err := url.Parse(setting)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.Fragment == ""
}
