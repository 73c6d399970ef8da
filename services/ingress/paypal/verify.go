package paypal

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	headerID   = "Paypal-Transmission-Id"
	headerTime = "Paypal-Transmission-Time"
	headerSig  = "Paypal-Transmission-Sig"
	headerCert = "Paypal-Cert-Url"
	headerAlgo = "Paypal-Auth-Algo"

	algorithm = "SHA256withRSA"

	// retried is how long PayPal comes again with a delivery that was not answered 2xx.
	retried = 3 * 24 * time.Hour
)

// The URLs of certificates: at PayPal's own hosts, nothing before the path and nothing behind it.
var certificateURL = regexp.MustCompile(`^https://api(-m)?(\.sandbox)?\.paypal\.com/v1/notifications/certs/[A-Za-z0-9_-]{1,100}$`)

// CertificateURL is where the request says that PayPal's certificate is. It is fetched before anything is verified, so it
// is compared as a text and taken apart by nobody.
func (Source) CertificateURL(r source.Request, _ source.Account) (string, error) {
	at, err := source.Header(r.Header, headerCert)
	if err != nil {
		return "", err
	}
	if !certificateURL.MatchString(at) {
		return "", source.Refuse(source.Malformed, "the header "+headerCert+" names no certificate at a host of PayPal's")
	}
	return at, nil
}

// sandbox says that PayPal's sandbox signed the request.
func sandbox(h http.Header) bool { return strings.Contains(h.Get(headerCert), ".sandbox.paypal.com/") }

// transmission is what is signed beside the body and the webhook's id.
type transmission struct {
	id, time  string
	at        time.Time
	signature []byte
}

// Verify returns nil if PayPal signed the request for one of the account's webhooks, and lately.
func (s Source) Verify(r source.Request, a source.Account) error {
	if _, err := s.CertificateURL(r, a); err != nil {
		return err
	}
	t, err := transmitted(r.Header)
	if err != nil {
		return err
	}
	key, err := source.SignerKey(r.Certificate, host(sandbox(r.Header)))
	if err != nil {
		return err
	}
	for _, secret := range a.Secrets {
		id, _ := source.NameAndKey(secret)
		if !webhookID.MatchString(id) {
			continue // nothing would stand where the webhook is named
		}
		if hash := t.hash(id, r.Body); rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], t.signature) == nil {
			return source.FreshFor(retried, t.at, r.ReceivedAt)
		}
	}
	return source.Refuse(source.BadSignature, "the body, the transmission's id or its time was changed after signing, or the id of the webhook is another one")
}

func transmitted(h http.Header) (t transmission, err error) {
	algo, err := source.Header(h, headerAlgo)
	if err != nil {
		return t, err
	}
	if algo != algorithm {
		return t, source.Refuse(source.Malformed, "the header "+headerAlgo+" is not "+algorithm)
	}
	if t.id, err = source.Header(h, headerID); err != nil {
		return t, err
	}
	if t.time, err = source.Header(h, headerTime); err != nil {
		return t, err
	}
	signature, err := source.Header(h, headerSig)
	if err != nil {
		return t, err
	}
	if strings.Contains(t.id, "|") || !source.IsName(t.id) {
		return t, source.Refuse(source.Malformed, "the header "+headerID+" is no id")
	}
	if t.at, err = time.Parse(time.RFC3339, t.time); err != nil {
		return t, source.Refuse(source.Malformed, "the header "+headerTime+" is no time as RFC 3339 has it")
	}
	var ok bool
	if t.signature, ok = source.MAC(signature); !ok {
		return t, source.Refuse(source.Malformed, "the header "+headerSig+" is no base64")
	}
	return t, nil
}

// hash is over what is signed.
func (t *transmission) hash(webhookID string, body []byte) [sha256.Size]byte {
	crc := strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)
	return sha256.Sum256([]byte(t.id + "|" + t.time + "|" + webhookID + "|" + crc))
}

// host is whom PayPal's certificates for webhooks name, which is what its own libraries look at.
func host(test bool) string {
	if test {
		return "messageverificationcerts.sandbox.paypal.com"
	}
	return "messageverificationcerts.paypal.com"
}

// signedAt is where the certificate of a delivery that Sign made would be; nothing is there.
const signedAt = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-00000000-00000000-00000000"

// Sign makes the headers with which PayPal's sandbox would send the body. The secret is the id of the webhook and, from
// the next line on, an RSA private key in PEM: whoever verifies needs the certificate of that key.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	webhook, text := source.NameAndKey(s.Secret)
	if !webhookID.MatchString(webhook) || text == "" {
		return nil, errors.New("the secret has to be the id of the webhook and, from the next line on, an RSA private key in PEM")
	}
	key, err := source.PrivateKey(text)
	if err != nil {
		return nil, err
	}
	t := transmission{id: s.ID, time: s.At.UTC().Format(time.RFC3339)}
	if t.id == "" {
		hash := sha256.Sum256(body)
		t.id = hex.EncodeToString(hash[:16])
	}
	hash := t.hash(webhook, body)
	if t.signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:]); err != nil {
		return nil, err
	}
	h := http.Header{}
	h.Set(headerID, t.id)
	h.Set(headerTime, t.time)
	h.Set(headerSig, base64.StdEncoding.EncodeToString(t.signature))
	h.Set(headerCert, signedAt)
	h.Set(headerAlgo, algorithm)
	h.Set("Content-Type", "application/json")
	return h, nil
}
