// Package lives draws orders' lives as deliveries of providers, tells each of them in several ways, and says what has to
// be the same however it was told: what is paid, given back, sold, shipped and shown. For tests only.
//
//	life.go      what a life is
//	plot.go      what one is about, and drawing it
//	money.go     paying and giving back
//	bodies.go    the providers' payloads
//	told.go      ways to tell a life: as it was, shuffled, repeated, with pauses
//	ending.go    what an order came to, and what of it has to be equal
//	memory.go    all services' own decisions over events in memory
//	loop.go      the loop around them: whose turn it is, is drawn; so are crashes and decisions that come late
//	calls.go     calls, timers and references
//	shelves.go   the stock, decided about in batches
//	carrier.go   a carrier with books of its own
//
// The same lives can be sent to a running suite: see the tests of package orderctl.
package lives
