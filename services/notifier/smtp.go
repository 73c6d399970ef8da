package notifier

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/orderflow/orderflow/pkg/fault"
)

// server is what SMTP_URL says.
type server struct {
	host     string
	port     int
	user     string
	password string
	tls      bool // from the first byte
	policy   gomail.TLSPolicy
}

// parseServer reads SMTP_URL. The error never repeats it: it may hold a password.
func parseServer(setting string) (server, error) {
	wrong := func(what string) (server, error) { return server{}, errors.New("SMTP_URL " + what) }
	u, err := url.Parse(setting)
	if err != nil || u.Hostname() == "" {
		return wrong("is not an address: smtp://user:password@host:587")
	}
	s := server{host: u.Hostname(), user: u.User.Username(), policy: gomail.TLSOpportunistic}
	s.password, _ = u.User.Password()
	switch u.Scheme {
	case "smtp":
		s.port = 25
	case "smtps":
		s.port, s.tls = 465, true
	default:
		return wrong("begins with smtp:// or smtps://")
	}
	if u.Port() != "" {
		if s.port, err = strconv.Atoi(u.Port()); err != nil || s.port < 1 || s.port > 65535 {
			return wrong("has a port that is none")
		}
	}
	switch u.Query().Get("starttls") {
	case "":
		if s.user != "" {
			s.policy = gomail.TLSMandatory
		}
	case "require":
		s.policy = gomail.TLSMandatory
	case "opportunistic":
	case "none":
		s.policy = gomail.NoTLS
	default:
		return wrong("has a starttls that is none of require, opportunistic and none")
	}
	return s, nil
}

func (s server) options(timeout time.Duration) []gomail.Option {
	options := []gomail.Option{gomail.WithPort(s.port), gomail.WithTimeout(timeout)}
	if s.tls {
		options = append(options, gomail.WithSSL())
	} else {
		options = append(options, gomail.WithTLSPolicy(s.policy))
	}
	switch {
	case s.user == "":
	case !s.tls && s.policy == gomail.NoTLS: // asked for: the password goes over the wire as it is
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthPlainNoEnc), gomail.WithUsername(s.user), gomail.WithPassword(s.password))
	default:
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.user), gomail.WithPassword(s.password))
	}
	return options
}

// mailer sends mails over connections that it keeps open between them.
type mailer struct {
	client  *gomail.Client
	from    mail.Address
	replyTo *mail.Address
	clock   func() time.Time
	keep    int
	rest    *rest

	mu   sync.Mutex
	idle []*smtp.Client
}

func newMailer(config Config, clock func() time.Time) (*mailer, error) {
	s, err := parseServer(config.SMTPURL)
	if err != nil {
		return nil, err
	}
	client, err := gomail.NewClient(s.host, s.options(config.SMTPTimeout)...)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	from, err := mail.ParseAddress(config.From)
	if err != nil {
		return nil, fmt.Errorf("MAIL_FROM: %w", err)
	}
	if from.Name == "" {
		from.Name = config.Shop
	}
	m := &mailer{client: client, from: *from, clock: clock, keep: config.SMTPConnections, rest: &rest{clock: clock}}
	if config.ReplyTo != "" {
		if m.replyTo, err = mail.ParseAddress(config.ReplyTo); err != nil {
			return nil, fmt.Errorf("MAIL_REPLY_TO: %w", err)
		}
	}
	return m, nil
}

// send hands a mail to the server. A kept connection that turns out to be dead is replaced once, by a new one: nothing
// was said on it yet.
func (m *mailer) send(ctx context.Context, o outgoing) error {
	for {
		conn, kept, err := m.connect(ctx)
		if err != nil {
			return err
		}
		msg := m.message(o)
		err = m.client.SendWithSMTPClient(conn, msg)
		if err == nil || msg.IsDelivered() {
			m.release(conn, err == nil)
			m.rest.served(true)
			return nil
		}
		var failed *gomail.SendError
		if errors.As(err, &failed) && failed.Reason == gomail.ErrConnCheck && kept {
			_ = conn.Close()
			continue
		}
		return m.failed(conn, failed)
	}
}

func (m *mailer) message(o outgoing) *gomail.Msg {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&m.from)
	msg.ToMailAddress(&o.To)
	if m.replyTo != nil {
		msg.ReplyToMailAddress(m.replyTo)
	}
	msg.Subject(o.Subject)
	msg.SetDateWithValue(m.clock())
	msg.SetMessageIDWithValue(o.ID)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no holiday note is wanted in return
	msg.SetBodyString(gomail.TypeTextPlain, o.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, o.HTML)
	return msg
}

// connect takes a connection that was kept, or opens one, unless the server is left alone for a while.
func (m *mailer) connect(ctx context.Context) (conn *smtp.Client, kept bool, err error) {
	m.mu.Lock()
	if n := len(m.idle); n > 0 {
		conn = m.idle[n-1]
		m.idle = m.idle[:n-1]
		m.mu.Unlock()
		return conn, true, nil
	}
	m.mu.Unlock()
	if m.rest.on() {
		return nil, false, fault.New(fault.Transient, "the mail server did not answer a moment ago and is left alone for now")
	}
	conn, err = m.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		m.rest.served(false)
		return nil, false, fault.New(fault.Transient, "connect to the mail server: %s", harmless(err))
	}
	return conn, false, nil
}

// harmless is an error's text, but for what a server said: only its code, since its words may repeat what it was told.
func harmless(err error) string {
	var said *textproto.Error
	if errors.As(err, &said) {
		return strconv.Itoa(said.Code)
	}
	return err.Error()
}

func (m *mailer) release(conn *smtp.Client, good bool) {
	m.mu.Lock()
	keep := good && len(m.idle) < m.keep
	if keep {
		m.idle = append(m.idle, conn)
	}
	m.mu.Unlock()
	if !keep {
		m.hangUp(conn)
	}
}

// hangUp says goodbye and closes; the other side may be gone already.
func (m *mailer) hangUp(conn *smtp.Client) {
	_ = m.client.CloseWithSMTPClient(conn)
	_ = conn.Close()
}

// failed says what a failure means. Only what the server says of this recipient or this mail, and says for good, ends
// the mail; what it has against us, or against the sender, is for an operator to put right, and the mail waits.
func (m *mailer) failed(conn *smtp.Client, e *gomail.SendError) error {
	if e == nil || e.ErrorCode() == 0 {
		_ = conn.Close()
		m.rest.served(false)
		return fault.New(fault.Transient, "the connection to the mail server broke")
	}
	code := strconv.Itoa(e.ErrorCode())
	if detail := e.EnhancedStatusCode(); detail != "" {
		code += " " + detail
	}
	about := e.Reason == gomail.ErrSMTPRcptTo || e.Reason == gomail.ErrSMTPData || e.Reason == gomail.ErrSMTPDataClose
	m.release(conn, e.Reason == gomail.ErrSMTPRcptTo)
	switch {
	case about && e.ErrorCode() >= 500:
		m.rest.served(true)
		return fault.New(fault.Rejected, "smtp %s", code)
	case about:
		m.rest.served(true)
		return fault.New(fault.Transient, "the mail server puts it off: %s", code)
	}
	m.rest.served(false)
	return fault.New(fault.Transient, "the mail server takes nothing from us: %s", code)
}

// close says goodbye on the connections that were kept.
func (m *mailer) close() {
	m.mu.Lock()
	idle := m.idle
	m.idle, m.keep = nil, 0
	m.mu.Unlock()
	for _, conn := range idle {
		m.hangUp(conn)
	}
}
