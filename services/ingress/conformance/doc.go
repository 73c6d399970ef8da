// Package conformance holds what is true of every source, as a table of cases that each registered one is run through
// with a sample of its own. It is made of tests alone.
//
//	sample_test.go   what a sample is          samples_test.go  the samples: a new source adds one
//	verify_test.go   who is let in             read_test.go     what becomes of what was let in
//
// A source without a sample fails.
package conformance
