// Package reread reads deliveries of the journal again, with the normalisers of the program that runs, and makes of each
// that means something else today a delivery of its own: the same id, a higher revision. What a fact of it says
// supersedes what an earlier reading said in its place (see Trigger.Report in package reactor), and everything else is
// passed over. That holds for everything that has a clock of its own or adds up: descriptions, money, scans, shipments of
// somebody else, counts and items. The later reading counts also where it finds an earlier time. What the notifier heard of
// a text only ever gets better, and a shop's word that an order is cancelled is asked for once.
//
// Nothing is withdrawn. Where an earlier reading recorded something of which the new one says nothing, or says it of another
// order, the delivery is named and not published (Leaves): what was recorded was done something about, a parcel was sent or
// money given back, and no reading undoes that. A person looks which of both is right, and puts the order right.
//
//	kept.go    deliveries as the journal keeps them, each at its latest reading
//	reread.go  one of them, read again
//	align.go   facts keep the places that they had
package reread
