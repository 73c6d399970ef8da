// Package amazon reads notifications of Amazon's Selling Partner API
// (https://developer-docs.amazon.com/sp-api/docs/notifications-api-v1-use-case-guide), and orders as its Orders API v0 tells
// them.
//
// Amazon posts nothing to anybody: it puts notifications into a queue of the seller's (SQS), or onto an event bus. From
// there a topic of the seller's (SNS) posts them here, as text/plain, and signs them inside the body
// (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html):
//
//	{
//	  "Type": "Notification", "MessageId": "…", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders",
//	  "Message": "{\"NotificationType\":\"ORDER_CHANGE\",…}", "Timestamp": "2026-03-01T12:00:00.000Z",
//	  "SignatureVersion": "1", "Signature": "base64 of RSA with SHA-1 (1) or SHA-256 (2)",
//	  "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-….pem"
//	}
//
// There is no shared secret: whoever has an account with Amazon gets such signatures for topics of his own. So the setting
// names the topics that are taken, each by its ARN. A topic with raw message delivery signs nothing, and is refused.
//
// SNS comes again for an hour at most and does not sign anew, so that this is how old a signature may be. Only what is in
// the fields above is signed; what else stands in the body, and the blanks between, could be changed by whoever has seen a
// delivery, and make it another one for that hour. What it tells stays the same, and is known.
//
// It waits 15 seconds for an answer, takes 2xx for success and tries again after a server's error (5xx, 429); after another
// 4xx the message goes to the dead-letter queue, if there is one. A topic sends nothing until the URL of its first message
// was fetched: Reading.Confirm.
//
// ORDER_CHANGE tells that something about an order has changed, and neither prices nor whom it is for: it is a signal to
// read the order again, which the service amazon does. What it reads comes back as a delivery of the topic "order".
//
//	amazon.go   the source
//	envelope.go SNS's envelope and what is signed of it     verify.go  signatures
//	wire.go     the parts of Amazon's JSON that we need     read.go    from a notification to facts: the table of types
//	order.go    orders as the Orders API tells them         lines.go   their amounts
package amazon

import (
	"errors"
	"regexp"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// name is the source's name, and the prefix of everything that Amazon gives a name.
const name = "amazon"

// Source is Amazon.
type Source struct{}

var (
	_ source.Source    = Source{}
	_ source.Certified = Source{}
	_ source.Keyed     = Source{}
	_ source.Enclosing = Source{}
)

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Shop }

// Habits are of who sends: SNS waits 15 s.
func (Source) Habits() source.Habits { return source.Habits{Answer: 12 * time.Second} }

// Setting is the name of the setting that holds the topics.
func (Source) Setting() string { return "AMAZON_SNS_TOPIC" }

// region is how Amazon's regions are called; what looks like one and is none (s3-eu-west-1) leads to other services.
const region = `[a-z]{2}(?:-[a-z]+)+-[0-9]`

var topicARN = regexp.MustCompile(`^arn:aws(?:-cn|-us-gov)?:sns:(` + region + `):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?$`)

// CheckSecret says what is wrong with a topic. An RSA private key may follow it, for Enclose.
func (Source) CheckSecret(secret string) error {
	topic, key := source.NameAndKey(secret)
	if !topicARN.MatchString(topic) {
		return errors.New("it has to be the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:orders")
	}
	if key == "" {
		return nil
	}
	_, err := source.PrivateKey(key)
	return err
}
