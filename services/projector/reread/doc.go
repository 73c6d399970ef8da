// Package reread reads deliveries of the journal again, with the normalisers of the program that runs, and makes of each
// that means something else today a delivery of its own: the same id, a higher revision. What a fact of it says
// supersedes what an earlier reading said in its place (see Trigger.Report in package reactor), and everything else is
// passed over.
//
//	kept.go    deliveries as the journal keeps them, each at its latest reading
//	reread.go  one of them, read again
//	align.go   facts keep the places that they had
package reread
