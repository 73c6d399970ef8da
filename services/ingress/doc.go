// Package ingress takes webhooks of shops, payment providers and carriers, and answers 2xx only once a delivery is
// durable in JetStream. It has no database.
//
//	POST /webhooks/{source}             the account "default"
//	POST /webhooks/{source}/{account}   one of several shops or accounts
//
//	address ──▶ known? ──▶ allowed? ──▶ rate ──▶ size ──▶ signature ──▶ freshness ──▶ read ──▶ publish ──▶ 200 {"received":true}
//	  429        404         403        429    413, 415     401           401         │         503
//	                                             408                                  └ what cannot be used is published too, with the reason
//
// Nothing is parsed and no broker is asked before the signature was found good. What is signed is never refused for
// what it says: it is published raw, quarantined with its reason, answered 2xx and counted. Each sender is answered
// before it stops waiting: 503 in time, never a late 200.
//
//	accounts.go   which sources, accounts and secrets there are    secrets.go  secrets in files     reload.go  files that change
//	door.go       who gets in: caller.go says who calls, rates.go how often, room.go how much, terms.go what holds for a source
//	handle.go     one request                                      refused.go  what is told of those that were turned away
//	delivery.go   from what was read to the message
//	sources.go    the list of sources; each is a package beside this one, and package source says what a source is
//
// README.md says how to add one, and package conformance holds what is true of all of them.
// Package checklist runs them over HTTP through what receivers of webhooks get wrong.
package ingress
