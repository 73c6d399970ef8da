// Package notifier tells the customer by mail what becomes of the order: confirmed, on hold, shipped, delivered,
// cancelled, refunded.
//
// It listens to the doorbells that may change what is to be told, and appends to the notification category alone: one
// event for each message, when it was sent, was refused for good, or was not wanted. A message has its turn once,
// however many doorbells ring.
//
//	decide.go     which messages are due and were not told yet; what the mail server's answer means
//	letter.go     what a message says, worked out from the order
//	templates.go  how it reads, as text and as HTML; templates/
//	handle.go     the three steps of a call: plan, do, record
//	smtp.go       the one channel that there is
//
// SMTP has no idempotency key, so no intent is written before a mail is sent: an event that says "perhaps sent" would
// help nobody. After a crash, or when two replicas look at the same order in the same moment, a mail may go out twice.
// Both have the same Message-ID, which is computed from the order, the kind and the subject, so that mailboxes show one.
package notifier
