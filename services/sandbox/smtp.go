package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
)

// mailbox takes every mail and delivers none. Two local parts make trouble: bounce@… is refused for good, greylist@…
// is put off twice.
type mailbox struct {
	books *books
	clock func() time.Time
	log   zerolog.Logger

	mu     sync.Mutex
	putOff map[string]int
}

// Limits of the mailbox.
const (
	mailLongest    = 1 << 20
	recipientsMost = 100
	smtpTimeout    = time.Minute
)

func newMailbox(b *books, clock func() time.Time, log zerolog.Logger) *smtp.Server {
	s := smtp.NewServer(&mailbox{books: b, clock: clock, log: log, putOff: map[string]int{}})
	s.Domain = "sandbox.localhost"
	s.MaxMessageBytes, s.MaxRecipients = mailLongest, recipientsMost
	s.ReadTimeout, s.WriteTimeout = smtpTimeout, smtpTimeout
	s.AllowInsecureAuth = true // any password will do, so none is worth hiding
	s.EnableSMTPUTF8 = true
	s.ErrorLog = smtpLog{log}
	return s
}

// NewSession begins a conversation.
func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{mailbox: m}, nil }

// session is one conversation with a client.
type session struct {
	mailbox *mailbox
	from    string
	to      []string
}

// AuthMechanisms says how a client may tell who it is.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth believes everybody.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, _ string) error { return nil }), nil
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from, s.to = from, nil
	return nil
}

// Rcpt adds somebody whom the mail is for.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch local, _, _ := strings.Cut(strings.ToLower(to), "@"); local {
	case "bounce":
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox"}
	case "greylist":
		if s.mailbox.puttingOff(to) {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Try again later"}
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (m *mailbox) puttingOff(to string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putOff[to]++
	return m.putOff[to] <= 2
}

// Data takes the mail itself; 250 is answered once it stands in the books.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := read(raw)
	m.From, m.To, m.ReceivedAt = s.from, s.to, s.mailbox.clock().UTC()
	if err := s.mailbox.books.takeMail(m); err != nil {
		s.mailbox.log.Error().Err(err).Msg("mail not kept")
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not kept; try again later"}
	}
	return nil
}

// Reset forgets the mail that was begun.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout ends the conversation.
func (s *session) Logout() error { return nil }

// read takes a mail apart. What cannot be read is kept as it came: a mailbox refuses nothing.
func read(raw []byte) Mail {
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil && !message.IsUnknownCharset(err) {
		return Mail{Text: printable(raw)}
	}
	m := Mail{}
	m.Subject, _ = r.Header.Subject()     // where it cannot be decoded, as it came
	m.MessageID, _ = r.Header.MessageID() // empty where there is none
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return m
		}
		if err != nil && !message.IsUnknownCharset(err) {
			m.Text += fmt.Sprintf("\n(a part of this mail cannot be read)\n%s", printable(raw))
			return m
		}
		m.add(p)
	}
}

func (m *Mail) add(p *mail.Part) {
	h, ok := p.Header.(*mail.InlineHeader)
	if !ok {
		return // an attachment
	}
	body, err := io.ReadAll(p.Body)
	if err != nil {
		body = append(body, "\n(cut off: the rest cannot be read)"...)
	}
	switch kind, _, _ := h.ContentType(); kind {
	case "text/html":
		m.HTML += printable(body)
	case "text/plain", "":
		m.Text += printable(body)
	}
}

// printable is text without bytes that are none.
func printable(raw []byte) string { return strings.ToValidUTF8(string(raw), "\uFFFD") }

// smtpLog passes on what the server has to say, which is about connections and never about mails.
type smtpLog struct{ log zerolog.Logger }

// Printf logs a formatted line.
func (l smtpLog) Printf(format string, v ...any) { l.log.Debug().Msgf("smtp: "+format, v...) }

// Println logs a line.
func (l smtpLog) Println(v ...any) { l.log.Debug().Msg("smtp: " + fmt.Sprintln(v...)) }
