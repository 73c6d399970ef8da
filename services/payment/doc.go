// Package payment keeps what providers and shops say of an order's money, and says what follows from the sums.
//
// Every verified report is recorded (record.go), unless it says only what stands already. What we think of the sums
// (decide.go) is a separate event each: covered after it was not, mismatched, paid twice, to be given back, closed for
// a cancellation. Gates elsewhere read the sums of the fold, never these remarks.
//
// Money is given back by ourselves only where the payment provider itself reported a payment under names of its own;
// what only a shop told of is the shop's to give back. Without being asked (the order goes on), only a payment that pays
// once more what was paid: any other amount may be meant for an edit that is still on its way. What became of such a
// decision is read from what the provider tells of the payment (grants.go).
//
// A payment that names an order which no shop has told of is parked until one does, and reported when it gets old
// (parked.go).
package payment
