package notifier

import (
	"bytes"
	"io"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/fault"
)

// post is a mail server of the test's own. It answers recipients as it is told to.
type post struct {
	t       *testing.T
	address string
	server  *smtp.Server
	door    net.Listener

	mu       sync.Mutex
	sessions int
	users    []string
	refuse   map[string]*smtp.SMTPError
	sender   *smtp.SMTPError
	taken    []taken
}

type taken struct {
	from, to string
	message  *netmail.Message
	body     string
}

func openPost(t *testing.T) *post {
	t.Helper()
	p := &post{t: t, refuse: map[string]*smtp.SMTPError{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.address = l.Addr().String()
	p.serve(l)
	return p
}

func (p *post) serve(l net.Listener) {
	p.server, p.door = smtp.NewServer(p), l
	p.server.AllowInsecureAuth = true
	server := p.server
	go func() { _ = server.Serve(l) }()
	p.t.Cleanup(func() { _ = server.Close() })
}

// shut closes the server and every connection; again opens it at the same address.
func (p *post) shut() {
	_ = p.server.Close()
	_ = p.door.Close() // the server may not have begun to serve, and so know nothing of it
}

func (p *post) again() {
	l, err := net.Listen("tcp", p.address)
	require.NoError(p.t, err)
	p.serve(l)
}

func (p *post) letters() []taken {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]taken(nil), p.taken...)
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions++
	return &talk{post: p}, nil
}

type talk struct {
	post     *post
	from, to string
}

func (s *talk) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *talk) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.post.mu.Lock()
		defer s.post.mu.Unlock()
		s.post.users = append(s.post.users, user)
		if password != "right" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *talk) Mail(from string, _ *smtp.MailOptions) error {
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	s.from = from
	if s.post.sender != nil {
		return s.post.sender
	}
	return nil
}

func (s *talk) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	s.to = to
	if no := s.post.refuse[to]; no != nil {
		return no
	}
	return nil
}

func (s *talk) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	s.post.taken = append(s.post.taken, taken{s.from, s.to, m, string(raw)})
	return nil
}

func (s *talk) Reset()        {}
func (s *talk) Logout() error { return nil }

func mailerTo(t *testing.T, url string) *mailer {
	t.Helper()
	c := Config{SMTPURL: url, From: "Mugs <orders@mugs.example>", ReplyTo: "help@mugs.example", Shop: "Mugs", SMTPTimeout: 5 * time.Second, SMTPConnections: 2}
	require.NoError(t, c.Check())
	m, err := newMailer(c, time.Now)
	require.NoError(t, err)
	t.Cleanup(m.close)
	return m
}

func hello(to string) outgoing {
	return outgoing{ID: "id-1@mugs.example", To: netmail.Address{Name: "Ada Ünal", Address: to}, Subject: "Grüße, 1", Text: "as text ✓", HTML: "<p>as html ✓</p>"}
}

func TestAMailIsSent(t *testing.T) {
	t.Parallel()
	p := openPost(t)
	m := mailerTo(t, "smtp://"+p.address)
	require.NoError(t, m.send(t.Context(), hello("ada@example.org")))
	require.NoError(t, m.send(t.Context(), hello("ada@example.org")))

	letters := p.letters()
	require.Len(t, letters, 2)
	got := letters[0]
	assert.Equal(t, "orders@mugs.example", got.from)
	assert.Equal(t, "ada@example.org", got.to)
	h := got.message.Header
	assert.Equal(t, "<id-1@mugs.example>", h.Get("Message-ID"))
	assert.Equal(t, `"Mugs" <orders@mugs.example>`, h.Get("From"))
	assert.Contains(t, h.Get("Reply-To"), "help@mugs.example")
	assert.Equal(t, "auto-generated", h.Get("Auto-Submitted"))
	assert.True(t, strings.HasPrefix(h.Get("Content-Type"), "multipart/alternative"))
	assert.Contains(t, got.body, "text/plain")
	assert.Contains(t, got.body, "text/html")
	assert.NotContains(t, strings.ToLower(got.body), "go-mail")
	p.mu.Lock()
	defer p.mu.Unlock()
	assert.Equal(t, 1, p.sessions, "the connection is kept")
}

func TestWhatTheServerSays(t *testing.T) {
	t.Parallel()
	p := openPost(t)
	no := func(code int, enhanced ...int) *smtp.SMTPError {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode(enhanced), Message: "about ada@example.org"}
	}
	p.refuse["gone@example.org"] = no(550, 5, 1, 1)
	p.refuse["later@example.org"] = no(451, 4, 7, 1)
	m := mailerTo(t, "smtp://"+p.address)
	for to, want := range map[string]fault.Kind{"gone@example.org": fault.Rejected, "later@example.org": fault.Transient} {
		err := m.send(t.Context(), hello(to))
		require.Error(t, err)
		assert.Equal(t, want, fault.KindOf(err), to)
		assert.NotContains(t, err.Error(), "@", "no address gets into events and logs")
	}
	require.NoError(t, m.send(t.Context(), hello("ada@example.org")), "the others are served all the same")

	p.mu.Lock()
	p.sender = no(550, 5, 7, 1)
	p.mu.Unlock()
	err := m.send(t.Context(), hello("ada@example.org"))
	require.Error(t, err)
	assert.Equal(t, fault.Transient, fault.KindOf(err), "what it has against the sender is not this mail's fault")
}

func TestAServerThatIsAway(t *testing.T) {
	t.Parallel()
	p := openPost(t)
	m := mailerTo(t, "smtp://"+p.address)
	require.NoError(t, m.send(t.Context(), hello("ada@example.org")))
	p.shut()
	err := m.send(t.Context(), hello("ada@example.org"))
	require.Error(t, err, "the kept connection is dead, and no new one can be had")
	assert.Equal(t, fault.Transient, fault.KindOf(err))
	err = m.send(t.Context(), hello("ada@example.org"))
	require.ErrorContains(t, err, "left alone")

	p.again()
	require.Eventually(t, func() bool { return m.send(t.Context(), hello("ada@example.org")) == nil }, 10*time.Second, 20*time.Millisecond)
	assert.Len(t, p.letters(), 2)
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	p := openPost(t)
	right := mailerTo(t, "smtp://shop:right@"+p.address+"?starttls=none")
	require.NoError(t, right.send(t.Context(), hello("ada@example.org")))
	assert.Equal(t, []string{"shop"}, p.users)

	wrong := mailerTo(t, "smtp://shop:wrong@"+p.address+"?starttls=none")
	err := wrong.send(t.Context(), hello("ada@example.org"))
	require.Error(t, err)
	assert.Equal(t, fault.Transient, fault.KindOf(err), "an operator puts it right, and then the mail goes out")
	assert.NotContains(t, err.Error(), "wrong")

	careful := mailerTo(t, "smtp://shop:right@"+p.address)
	err = careful.send(t.Context(), hello("ada@example.org"))
	require.Error(t, err, "no password goes over a wire that anybody can read, unless that was asked for")
	assert.Len(t, p.letters(), 1)
}

func TestServerAddresses(t *testing.T) {
	t.Parallel()
	s, err := parseServer("smtps://a%40b:p%2Fw@mail.example")
	require.NoError(t, err)
	assert.Equal(t, server{host: "mail.example", port: 465, user: "a@b", password: "p/w", tls: true, policy: s.policy}, s)
	s, err = parseServer("smtp://mail.example")
	require.NoError(t, err)
	assert.Equal(t, 25, s.port)
	for _, wrong := range []string{"", "mail.example:25", "http://mail.example", "smtp://", "smtp://mail.example:port", "smtp://u:secret@mail.example:99999", "smtp://u:secret@mail.example?starttls=maybe"} {
		_, err := parseServer(wrong)
		require.Error(t, err, wrong)
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	good := Config{SMTPURL: "smtp://localhost:25", From: "a@b.example", SMTPTimeout: time.Second, SMTPConnections: 1}
	require.NoError(t, good.Check())
	for name, change := range map[string]func(*Config){
		"no server":      func(c *Config) { c.SMTPURL = "" },
		"no sender":      func(c *Config) { c.From = "" },
		"no such answer": func(c *Config) { c.ReplyTo = "nobody" },
		"no connections": func(c *Config) { c.SMTPConnections = 0 },
		"a time before":  func(c *Config) { c.HeldAfter = -1 },
	} {
		c := good
		change(&c)
		assert.Error(t, c.Check(), name)
	}
}
