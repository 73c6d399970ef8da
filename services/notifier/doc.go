// Package notifier tells the customer by mail what becomes of the order: confirmed, on hold, shipped, delivered,
// cancelled, refunded; and, if that is switched on, by text what is worth one: shipped and delivered.
//
// It listens to the doorbells that may change what is to be told, to what providers tell of messages afterwards, and
// appends to the notification category alone. A message has its turn once on its channel, however many doorbells ring.
//
//	decide.go     which mails are due and were not told yet; what the mail server's answer means
//	text.go       the same of texts, with their intents, and what is reported of them
//	letter.go     what a message says, worked out from the order
//	templates.go  how it reads, as text, as HTML and as a short text; templates/
//	number.go     where a text goes
//	handle.go     the three steps of a call: plan, do, record
//	smtp.go       the channel of mails; twilio.go that of texts; rest.go leaves alone who does not answer
//
// SMTP has no idempotency key, so no intent is written before a mail is sent: an event that says "perhaps sent" would
// help nobody. After a crash, or when two replicas look at the same order in the same moment, a mail may go out twice.
// Both have the same Message-ID, which is computed from the order, the kind and the subject, so that mailboxes show one.
//
// Twilio has no key either, a text that goes out twice is seen twice, and it is paid twice. So a text has an intent
// (NotificationStarted) before the call, with the time until when that may be under way, and is recorded after it. Who
// finds an intent whose time is over (the process died, or no answer came) asks Twilio for the texts to that number
// before it sends anything: one with this wording was taken, and is recorded; else the next attempt begins. What is left
// is a text that Twilio took and does not list half a minute later: only that one goes out twice.
package notifier
