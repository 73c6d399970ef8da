// Package fulfillment gets a label for what orders has released, voids it if the order is stopped before it left, and
// records what carriers scan.
//
// It listens to releases and to everything that may close or open the gate again, to carriers' scans, to what shops and
// channels ship by themselves, and to the command that tries a label again. It appends to the fulfillment category alone:
//
//	decide.go   a release waits for the settlement delay, then the gate is looked at again and a label is asked for
//	void.go     what closes the gate before the first scan voids the label; the answer to a cancellation
//	record.go   what a carrier's answer means
//	scan.go     scans and shipments of others, each recorded once; the retry command
//	handle.go   the three steps of a call: plan, do, record
//	carrier.go  what a carrier is; sandboxcarrier.go the one that there is
//
// A label is never bought blindly twice: the intent is written before the carrier is asked, with the time until when
// the call may be under way. Whoever finds it afterwards asks the carrier by our reference what became of it.
package fulfillment
