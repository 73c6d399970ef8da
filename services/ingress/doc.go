// Package ingress takes webhooks of shops, payment providers and carriers, and answers 2xx only once a delivery is
// durable in JetStream. It has no database.
//
//	POST /webhooks/{source}             the account "default"
//	POST /webhooks/{source}/{account}   one of several shops or accounts
//
//	known? ──▶ size ──▶ signature ──▶ freshness ──▶ read ──▶ publish ──▶ 200 {"received":true}
//	 404        413         401           401         │         503
//	                                                  └ what cannot be used is published too, with the reason
//
// Nothing is parsed and no broker is asked before the signature was found good. What is signed is never refused for
// what it says: it is published raw, quarantined with its reason, answered 2xx and counted.
//
//	accounts.go   which sources, accounts and secrets there are
//	handle.go     one request
//	delivery.go   from what was read to the message
//	sources.go    the list of sources; each is a package beside this one, and package source says what a source is
//
// README.md says how to add one, and package conformance holds what is true of all of them.
package ingress
