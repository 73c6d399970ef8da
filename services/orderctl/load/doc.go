// Package load sends signed orders to an ingress, as their providers would, and measures how it answers.
//
// It is an open loop: when a delivery is to be sent follows from the rate alone, however slowly the ones before it are
// answered, and its latency counts from that moment. A sender that waits for an answer before it sends the next one
// slows down with what it measures and reports only the good times (coordinated omission). With rate zero it is a
// closed loop all the same: every connection sends as soon as it was answered, which finds out what is taken at most.
//
// The sender may share the processors with what it measures, so it is kept cheap: a body is a template with some fields
// replaced, and a connection is one goroutine that writes and reads.
package load
