package host

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
)

// server is what the settings call the ways to speak to a server, for sentences that say what to do.
type server struct{ address, authority, certificate, secure, clear string }

var (
	toPostgres = server{
		address: "DATABASE_URL", authority: "sslrootcert=FILE in DATABASE_URL", certificate: "sslcert=FILE&sslkey=FILE in DATABASE_URL",
		secure: "sslmode=verify-full in DATABASE_URL", clear: "sslmode=disable",
	}
	toNATS = server{
		address: "NATS_URL", authority: "NATS_CA_FILE", certificate: "NATS_CERT_FILE and NATS_KEY_FILE",
		secure: "tls:// in NATS_URL", clear: "nats:// and NATS_ALLOW_PLAINTEXT=true",
	}
)

// sentence says what is wrong with TLS or a login, and what to do about it. It is empty where it knows nothing better than
// the error, and never holds anything of an address but names of hosts.
func (s server) sentence(err error) string {
	if at := (*fs.PathError)(nil); errors.As(err, &at) { // a file of ours that was there when we started
		return "a file that the settings name cannot be read: " + at.Path + ": " + at.Err.Error()
	}
	if said := s.theirs(err); said != "" {
		return said
	}
	return s.ours(err)
}

// theirs is what we have against the server's certificate.
func (s server) theirs(err error) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is from an authority that nobody here knows: name the authority's certificate with " + s.authority
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet (" + invalid.Detail + "): renew it there, or set the clock right"
	case errors.As(err, &invalid):
		return "its certificate cannot be used (" + strings.TrimPrefix(invalid.Error(), "x509: ") + "): give it another one"
	case errors.As(err, &host):
		return "its certificate is for another name (" + strings.TrimPrefix(host.Error(), "x509: ") + "): use a name of the certificate in " + s.address
	}
	return ""
}

// ours is what the server has against us.
func (s server) ours(err error) string {
	var pg *pgconn.PgError
	said := err.Error()
	if errors.As(err, &pg) {
		said = pg.Message
	}
	switch {
	case errors.Is(err, nats.ErrSecureConnWanted), strings.Contains(said, "server refused TLS connection"):
		return "it does not speak TLS: turn TLS on there, or say " + s.clear
	case errors.Is(err, nats.ErrSecureConnRequired), strings.HasPrefix(said, "no pg_hba.conf entry") && strings.HasSuffix(said, "no encryption"):
		return "it takes no connection in clear: say " + s.secure
	case strings.Contains(said, "tls: certificate required"), strings.Contains(said, "requires a valid client certificate"):
		return "it asks for a certificate of ours, from an authority that it trusts: name it with " + s.certificate
	case strings.Contains(said, "connection closed by remote after TLS handshake"), greeted(err): // why, it said too late to be heard
		return "it closed the connection after the handshake: it asks for a certificate of ours, from an authority that it trusts and not expired; name it with " + s.certificate
	case strings.Contains(said, "remote error: tls: expired certificate"):
		return "it says that our certificate has expired: renew what " + s.certificate + " name"
	case strings.Contains(said, "remote error: tls: unknown certificate authority"), strings.Contains(said, "remote error: tls: bad certificate"),
		strings.Contains(said, "remote error: tls: unknown certificate"):
		return "it does not take our certificate: it has to be from an authority that the server trusts; name it with " + s.certificate
	case errors.Is(err, nats.ErrAuthorization):
		return "it does not let us in: " + s.address + " holds a wrong user or password, or credentials that it does not know"
	}
	return ""
}

// greeted says that Postgres closed the connection between the TLS handshake and our first word.
func greeted(err error) bool {
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) && connect.Config.TLSConfig != nil && strings.Contains(err.Error(), "failed to write startup message")
}
