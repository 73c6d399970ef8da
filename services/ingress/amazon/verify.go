package amazon

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SNS signs with it unless the topic is set to version 2
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	// retried is how long SNS comes again at most with a message that was not answered 2xx.
	retried = time.Hour
)

// CertificateURL is where the request says that SNS's certificate is. It is fetched before anything is verified, so it is
// compared as a text and taken apart by nobody, and only for a topic that the account takes.
func (Source) CertificateURL(r source.Request, a source.Account) (string, error) {
	e, err := sealed(r.Body, a)
	if err != nil {
		return "", err
	}
	return *e.SigningCertURL, nil
}

// sealed is the envelope of a request, if it is one of the account's topics and names a certificate of SNS's.
func sealed(body []byte, a source.Account) (e envelope, err error) {
	e, ok := opened(body)
	switch {
	case !ok:
		return e, source.Refuse(source.NotSigned, "the body is no message of SNS's in its envelope; with raw message delivery a topic signs nothing")
	case e.Signature == nil || e.SignatureVersion == nil || e.SigningCertURL == nil:
		return e, source.Refuse(source.NotSigned, "Signature, SignatureVersion or SigningCertURL is missing")
	case !takes(a.Secrets, *e.TopicARN):
		return e, source.Refuse(source.BadSignature, "TopicArn is none of the topics that are taken")
	case !certificateURL.MatchString(*e.SigningCertURL):
		return e, source.Refuse(source.Malformed, "SigningCertURL names no certificate at a host of SNS's")
	}
	return e, nil
}

// takes says that a topic is one of the account's.
func takes(secrets []string, arn string) bool {
	return topicARN.MatchString(arn) && slices.ContainsFunc(secrets, func(secret string) bool {
		topic, _ := source.NameAndKey(secret)
		return topic == arn
	})
}

// Verify returns nil if SNS signed the request for one of the account's topics, and lately.
func (Source) Verify(r source.Request, a source.Account) error {
	e, err := sealed(r.Body, a)
	if err != nil {
		return err
	}
	signature, ok := source.MAC(*e.Signature)
	if !ok {
		return source.Refuse(source.Malformed, "Signature is no base64")
	}
	said, ok := e.text()
	if !ok {
		return source.Refuse(source.Malformed, "a field of the envelope holds a line break")
	}
	at, err := time.Parse(time.RFC3339, *e.Timestamp)
	if err != nil {
		return source.Refuse(source.Malformed, "Timestamp is no time as RFC 3339 has it")
	}
	algorithm, hash, ok := digest(*e.SignatureVersion, said)
	if !ok {
		return source.Refuse(source.Malformed, "SignatureVersion is neither 1 nor 2")
	}
	key, err := source.SignerKey(r.Certificate, signers(*e.SigningCertURL)...)
	if err != nil {
		return err
	}
	if rsa.VerifyPKCS1v15(key, algorithm, hash, signature) != nil {
		return source.Refuse(source.BadSignature, "a field of the envelope was changed after signing, or another key has signed")
	}
	return source.FreshFor(retried, at, r.ReceivedAt)
}

// digest is the hash that a version of signatures signs.
func digest(version, said string) (crypto.Hash, []byte, bool) {
	switch version {
	case "1":
		sum := sha1.Sum([]byte(said)) //nolint:gosec // see the import
		return crypto.SHA1, sum[:], true
	case "2":
		sum := sha256.Sum256([]byte(said))
		return crypto.SHA256, sum[:], true
	}
	return 0, nil, false
}

// signers are the names of SNS in its certificates: one for the regions that were there first, one for each of those that
// came later, and others in China and for the government. AWS's library for Java lists them (SnsHostProvider).
func signers(at string) []string {
	found := certificateURL.FindStringSubmatch(at)
	if found == nil {
		return nil
	}
	region, domain := found[1], ".amazonaws.com"+found[2]
	names := []string{"sns-signing." + region + domain, "sns." + region + domain, "sns-" + region + domain}
	switch {
	case found[2] != "": // China has no name for all of it
	case region == "us-gov-east-1":
		names = append(names, "sns-us-gov-west-1.amazonaws.com")
	default:
		names = append(names, "sns.amazonaws.com")
	}
	return names
}

// Enclose puts a message into SNS's envelope and signs it, with version 2. The secret is the ARN of the topic and, from the
// next line on, an RSA private key in PEM: whoever verifies needs the certificate of that key. With the topic
// "SubscriptionConfirmation" it is the message that begins a subscription.
func (Source) Enclose(body []byte, s source.Signing) ([]byte, error) {
	arn, text := source.NameAndKey(s.Secret)
	found := topicARN.FindStringSubmatch(arn)
	if found == nil || text == "" {
		return nil, errors.New("the secret has to be the ARN of the topic and, from the next line on, an RSA private key in PEM")
	}
	key, err := source.PrivateKey(text)
	if err != nil {
		return nil, err
	}
	e := seal(body, arn, "https://sns."+found[1]+".amazonaws.com", s)
	said, ok := e.text()
	if !ok {
		return nil, errors.New("the id holds a line break")
	}
	algorithm, hash, _ := digest(*e.SignatureVersion, said)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, algorithm, hash)
	if err != nil {
		return nil, err
	}
	e.Signature = new(base64.StdEncoding.EncodeToString(signature))
	return json.Marshal(e)
}

// signedBy says that a private key has signed an envelope.
func signedBy(text string, e *envelope) bool {
	key, err := source.PrivateKey(text)
	said, whole := e.text()
	algorithm, hash, known := digest(*e.SignatureVersion, said)
	signature, read := source.MAC(*e.Signature)
	return err == nil && whole && known && read && rsa.VerifyPKCS1v15(&key.PublicKey, algorithm, hash, signature) == nil
}

// seal is the envelope of a message, yet to be signed.
func seal(body []byte, arn, host string, s source.Signing) envelope {
	id := s.ID
	if id == "" {
		hash := sha256.Sum256(body)
		id = hex.EncodeToString(hash[:16])
	}
	e := envelope{
		Type: new(notified), MessageID: &id, TopicARN: &arn, Message: new(string(body)), Timestamp: new(s.At.UTC().Format("2006-01-02T15:04:05.000Z")),
		SignatureVersion: new("2"), SigningCertURL: new(host + "/SimpleNotificationService-00000000000000000000000000000000.pem"),
	}
	if s.Topic == subscribed || s.Topic == unsubscribed {
		e.Type, e.Token = new(s.Topic), new("0123456789abcdef")
		e.SubscribeURL = new(host + "/?Action=ConfirmSubscription&TopicArn=" + arn + "&Token=" + *e.Token)
	}
	return e
}

// Sign makes the headers with which SNS sends what Enclose made with the same secret. Nothing in them is signed.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	_, key := source.NameAndKey(s.Secret)
	e, err := sealed(body, source.Account{Secrets: []string{s.Secret}})
	if err != nil || !signedBy(key, &e) {
		return nil, errors.New("SNS signs inside the body: it has to be put into the envelope first")
	}
	h := http.Header{}
	h.Set("X-Amz-Sns-Message-Type", *e.Type)
	h.Set("X-Amz-Sns-Message-Id", *e.MessageID)
	h.Set("X-Amz-Sns-Topic-Arn", *e.TopicARN)
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	return h, nil
}
