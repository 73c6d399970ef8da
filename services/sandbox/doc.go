// Package sandbox stands in for the outside, so that a laptop shows the whole life of an order: a carrier that sells
// labels and posts signed tracking webhooks back, a mailbox to look into, and a phone that takes texts as Twilio does. It speaks the formats that real ones
// speak, over real sockets; nothing in the other services knows that it is not the world.
//
// It listens to nobody's events and appends none. What happened in it stands in its books: an append-only journal in
// SANDBOX_DIR, read again at start, so that a restart forgets nothing. "One label, one mail" is proven against them.
//
//	carrier.go   the API that sells, shows and voids labels
//	trouble.go   how it misbehaves when an address asks for it: sandbox:refuse, sandbox:slow …
//	courier.go   scans each parcel as time goes by, and posts every scan until it is answered 2xx
//	webhook.go   Standard Webhooks: what is signed, and how
//	smtp.go      the mailbox: takes every mail, delivers none
//	phone.go     takes every text by Twilio's API, delivers none; teller.go posts signed status callbacks
//	pages.go     the same for people: a page of mails, texts and labels
//	books.go     what happened; journal.go is how it is kept
package sandbox
