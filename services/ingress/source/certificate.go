package source

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
)

// What sources have in common that sign with a certificate: the account's secret names it, and to sign at all, for trying
// things out, a private key may follow that name from the next line on.

// NameAndKey are the name that a secret begins with and the private key that follows it; empty if none does.
func NameAndKey(secret string) (name, key string) {
	name, key, _ = strings.Cut(secret, "\n")
	return strings.TrimSpace(name), strings.TrimSpace(key)
}

// PrivateKey reads an RSA key in PEM, as PKCS #1 or #8.
func PrivateKey(text string) (*rsa.PrivateKey, error) {
	bad := errors.New("what follows in the next line has to be an RSA private key in PEM")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, bad
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if k, ok := k.(*rsa.PrivateKey); ok && err == nil {
		return k, nil
	}
	return nil, bad
}

// leastRSAKey is the smallest RSA key that is still safe, in bits.
const leastRSAKey = 2048

// SignerKey is the key of a certificate that was issued to one of these hosts. Who vouches for it was looked at when it
// was fetched; whom it names is looked at here, since an authority vouches for others too.
func SignerKey(c *x509.Certificate, hosts ...string) (*rsa.PublicKey, error) {
	if c == nil {
		return nil, Refuse(NotSigned, "the certificate of the signature is not at hand")
	}
	if !slices.ContainsFunc(hosts, func(host string) bool { return c.Subject.CommonName == host || c.VerifyHostname(host) == nil }) {
		return nil, Refuse(BadSignature, "the certificate is not of "+strings.Join(hosts, " or "))
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < leastRSAKey {
		return nil, Refuse(BadSignature, "the certificate has no RSA key of a size that is safe")
	}
	return key, nil
}
