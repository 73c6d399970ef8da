// Package projector keeps the tables that people query: schema read, folded from the events, and the journal of
// every delivery.
//
// It listens to the doorbells of every category and to every delivery, and appends nothing. A doorbell says that an
// entity moved; its events are read, folded, and its rows replaced. So a bell that is lost, repeated or late costs time
// and never truth.
//
//	projector.go     what it needs and what it runs
//	table.go         a table is a list of columns, each with its value
//	fold.go          the events of an entity → its rows; orders.go, payments.go … one file per family of tables, pure
//	timeline.go      one row per event; summary.go says it in words
//	collect.go       bells → entities → load → fold → write → ack; sweep.go looks for bells that were lost
//	write.go         a guarded upsert and the rows that belong to it
//	rebuild.go       everything anew beside the live tables (rebuild_fill.go), then a swap behind the views (rebuild_swap.go)
//	verify.go        are the tables what the events come to?
//	watch.go         what waits, in the whole system, as metrics
//	journal.go       every delivery, kept as it came
//
// The row of an order or SKU carries (events seen, fold version) and never steps back: a reading that saw more events
// replaces it, or one of as many by a newer fold. So projectors of two folds may work beside each other while one replaces
// the other; what the older one wrote, the newer one's sweep finds. A generation is one set of tables; every transaction
// shares the row that names the live one, and a rebuild takes it alone while it swaps.
package projector
