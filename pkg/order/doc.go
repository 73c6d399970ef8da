// Package order is what the events of an order mean, and nothing else: no clock, no database, no network.
//
// An order is the sum of facets, one per category, and each facet is a fold of its own service's stream. Facets do
// not care in which order the others moved, so a payment may come before its order, a refund before its payment and
// a scan before its label: no case is special.
//
//	events ──Apply──▶ State{Order, Payment, Fraud, Inventory, Fulfillment, Notification}
//	State ──▶ Funds      sums of what was captured, refunded, disputed and granted, per currency
//	      ──▶ Gates      what has to be true before anything is shipped, and what each gate waits for
//	      ──▶ Lines      what became of each line, counted
//	      ──▶ Status     the one word that people see; derived, never stored as truth
package order
