package notifier

import (
	"errors"
	"net/mail"
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

	Rules
}

// Rules are the settings that decisions hang on. The decisions are pure: state, trigger and time in, a decision out.
type Rules struct {
	HeldAfter time.Duration `env:"NOTIFIER_HELD_AFTER" envDefault:"1m" desc:"How long an order is on hold before its customer is told: many holds answer themselves in seconds."`
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
	return errors.Join(errs...)
}
