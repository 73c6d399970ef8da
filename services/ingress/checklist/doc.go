// Package checklist runs what receivers of webhooks get wrong as cases over HTTP: against the ingress with a real
// nats-server, for every scheme that signs with an HMAC, and against receivers that are wrong on purpose, each of which a
// case has to find. It is made of tests alone; package conformance beside it holds what is true of every source.
//
//	scheme_test.go    the schemes: a new one is one struct      real_test.go   the ingress
//	verify_test.go    cases about signatures                    model_test.go  a small receiver that can be wrong
//	transport_test.go cases about HTTP                          wrong_test.go  what can be wrong about it, and who finds it
//	keep_test.go      cases about what is kept and answered
//
// The list, and where what is not tried here is:
//
//	T1   the raw body is what is signed and kept
//	T2   one changed byte
//	T3   secrets: another, an empty one, odd ones
//	T4   several signatures in a header, and what else stands in it
//	T5   the clock's edges, both ways; times spelt otherwise
//	T6   rotation, reload without a restart            also ingress: TestSecretsAreReplacedWhileItRuns
//	T7   spellings of a signature                      also conformance: signatures are spelt one way
//	T8   headers that are missing, doubled, folded, long, no ASCII
//	T9   chunked, too large, slow, HTTP/1.0, HTTP/2, Expect, senders that leave
//	T10  Content-Encoding: 415, whatever is inside     a proxy that inflates or rewrites a body breaks its signature
//	T11  forms are bytes; WooCommerce's ping means nothing
//	T12  a part of a signature is none                 comparison in constant time: source.SignedByAny, source.SameAsAny
//	T13  the signature goes before dedupe and before the broker
//	T14  which status for what, and no word about why
//	T15  the same again: at once, later, after a restart, at another account; after the broker's window the inbox of who
//	     reads the intake knows it
//	T16  what is signed and cannot be used is kept
//	T17  order of events                               pkg/order and services/orderctl: shuffled events, one state
//	T18  the broker is gone, or slow                   also ingress: TestAFullStreamRefusesAndTheProviderComesAgain;
//	     make kills: killed between ack and answer
//	T19  SNS                                           services/ingress/amazon, ingress: certificates_test.go
//	T20  key sets of ShipStation                       there is no such source
//	T21  what is signed for one opens no other
//	T22  a limiter that fails                          ingress: TestALimiterThatFailsLetsIn
//	T23  secrets and persons in logs, metrics and answers
//	T24  fuzz targets and published vectors            the packages of the sources, ingress/fuzz
//	T25  receivers that are wrong
package checklist
