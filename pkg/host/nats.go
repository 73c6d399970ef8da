package host

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/orderflow/orderflow/pkg/bus"
)

// NATSAccess is how NATS is spoken to beyond its address: files that are read anew at every connection, so that what is
// renewed counts without a restart.
type NATSAccess struct {
	CAFile    string `env:"NATS_CA_FILE" json:"ca_file,omitempty" desc:"Certificates of the authorities that NATS' certificate may be from, in PEM; without it those of the machine. If it is set, NATS is spoken to over TLS alone, as with tls:// in NATS_URL. Read anew at every connection, as are the files below."`
	CertFile  string `env:"NATS_CERT_FILE" json:"cert_file,omitempty" desc:"Our certificate, in PEM, for a NATS that asks for one."`
	KeyFile   string `env:"NATS_KEY_FILE" json:"key_file,omitempty" desc:"The key of NATS_CERT_FILE, in PEM."`
	CredsFile string `env:"NATS_CREDS_FILE" json:"creds_file,omitempty" desc:"Credentials for NATS (user JWT and seed, as nsc writes them) in the place of user and password in NATS_URL."`
	NkeyFile  string `env:"NATS_NKEY_FILE" json:"nkey_file,omitempty" desc:"Seed of an nkey (SU…) in the place of user and password in NATS_URL. The file may move, the key stays until a restart."`
	Plaintext bool   `env:"NATS_ALLOW_PLAINTEXT" envDefault:"false" json:"allow_plaintext,omitempty" desc:"true lets passwords and personal data go in clear to a NATS on another machine. Without it such a NATS is spoken to over TLS or not at all."`
}

// Check says what does not go together.
func (a *NATSAccess) Check() error {
	var errs []error
	if (a.CertFile == "") != (a.KeyFile == "") {
		errs = append(errs, errors.New("NATS_CERT_FILE and NATS_KEY_FILE belong together: set both or neither"))
	}
	if a.CredsFile != "" && a.NkeyFile != "" {
		errs = append(errs, errors.New("NATS_CREDS_FILE and NATS_NKEY_FILE are both set: one of them"))
	}
	return errors.Join(errs...)
}

// reconnectWait is the time between two rounds of tries.
const reconnectWait = 500 * time.Millisecond

// OpenNATS connects, and stays connected: a server that goes away is waited for.
func OpenNATS(address string, access NATSAccess, name string, options ...nats.Option) (*nats.Conn, error) {
	conn, _, err := openNATS(func() (string, error) { return address, nil }, access, name, options...)
	return conn, err
}

// openNATS asks for the address before every connection: the password in it may be another one by then. exposed is the
// other machine to which everything goes in clear; empty if there is none.
func openNATS(address func() (string, error), access NATSAccess, name string, options ...nats.Option) (conn *nats.Conn, exposed string, err error) {
	text, err := address()
	if err != nil {
		return nil, "", err
	}
	servers, user, err := serversOf(text)
	if err != nil {
		return nil, "", err
	}
	if exposed = access.inClear(servers); exposed != "" && !access.Plaintext {
		return nil, "", fmt.Errorf("NATS_URL would send passwords to %s in clear: write tls:// there, with NATS_CA_FILE for an authority of your own, or allow it with NATS_ALLOW_PLAINTEXT=true", exposed)
	}
	proven, err := access.options(user, address)
	if err != nil {
		return nil, "", err
	}
	all := append([]nats.Option{
		nats.Name("orderflow-" + name), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.CustomInboxPrefix(bus.InboxPrefix(name)),
		nats.ReconnectBufSize(-1), // what cannot be sent is an error now, not a surprise later
		// A password is changed at the server and here, never at both in the same moment.
		nats.IgnoreAuthErrorAbort(),
	}, proven...)
	conn, err = nats.Connect(strings.Join(servers.texts(), ","), append(all, options...)...)
	if err != nil {
		return nil, "", fmt.Errorf("connect to NATS: %s", natsTrouble(err))
	}
	return conn, exposed, nil
}

// errNATSAddress says nothing of what stands there: a password may.
var errNATSAddress = errors.New("NATS_URL cannot be read: it looks like tls://user:password@host:4222, several separated by commas")

// servers are addresses without who logs in.
type servers []*url.URL

func (s servers) texts() []string {
	var texts []string
	for _, u := range s {
		texts = append(texts, u.String())
	}
	return texts
}

// serversOf takes an address apart: the servers, and who logs in, the same at all of them.
func serversOf(text string) (all servers, user *url.Userinfo, err error) {
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if err != nil || u.Hostname() == "" {
			return nil, nil, errNATSAddress
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return nil, nil, errNATSAddress
		}
		if u.User != nil {
			if user != nil && user.String() != u.User.String() {
				return nil, nil, errors.New("NATS_URL names several users: it is the same one at all servers")
			}
			user = u.User
		}
		u.User = nil
		all = append(all, u)
	}
	return all, user, nil
}

// inClear is the first other machine that would be spoken to without TLS; empty if there is none. One address with tls://
// asks for it everywhere, and so does a certificate.
func (a *NATSAccess) inClear(all servers) string {
	if a.CAFile != "" || a.CertFile != "" {
		return ""
	}
	first := ""
	for _, u := range all {
		if u.Scheme == "tls" || u.Scheme == "wss" {
			return ""
		}
		if first == "" && !local(u.Hostname()) {
			first = u.Hostname()
		}
	}
	return first
}

// options are how to speak to the servers, and how to log in.
func (a *NATSAccess) options(user *url.Userinfo, address func() (string, error)) ([]nats.Option, error) {
	var options []nats.Option
	if a.CAFile != "" {
		options = append(options, nats.RootCAs(a.CAFile))
	}
	if a.CertFile != "" {
		options = append(options, nats.ClientCert(a.CertFile, a.KeyFile))
	}
	if user != nil && (a.CredsFile != "" || a.NkeyFile != "") {
		return nil, errors.New("NATS_URL names a user, and NATS_CREDS_FILE or NATS_NKEY_FILE is set too: one of them")
	}
	switch {
	case a.CredsFile != "":
		options = append(options, nats.UserCredentials(a.CredsFile))
	case a.NkeyFile != "":
		key, err := nats.NkeyOptionFromSeed(a.NkeyFile)
		if err != nil {
			return nil, errors.New("NATS_NKEY_FILE: the file cannot be read, or holds no seed of an nkey (SU…)")
		}
		options = append(options, key)
	case user != nil:
		options = append(options, logsIn(user, address))
	}
	return options, nil
}

// logsIn says who logs in, each time anew. What cannot be read at that moment leaves who it was before.
func logsIn(user *url.Userinfo, address func() (string, error)) nats.Option {
	now := func() *url.Userinfo {
		if text, err := address(); err == nil {
			if _, found, err := serversOf(text); err == nil && found != nil {
				return found
			}
		}
		return user
	}
	if _, named := user.Password(); !named {
		return nats.TokenHandler(func() string { return now().Username() })
	}
	return nats.UserInfoHandler(func() (string, string) {
		found := now()
		password, _ := found.Password()
		return found.Username(), password
	})
}

// natsTrouble is what is wrong in one sentence.
func natsTrouble(err error) string {
	if what := toNATS.sentence(err); what != "" {
		return what
	}
	return strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "nats: ")
}
