// Package inventory keeps what is on hand and who has a claim on it.
//
// It listens to the life of orders (placed, edited, cancelling, ended, shipped), to what warehouses and channels say
// is on hand, and to the commands that receive or set stock. It appends to two categories:
//
//	inventory  per order: StockAllocated, StockBackordered, AllocationClosed
//	stock      per SKU:   StockReceived, StockAdjusted, StockReserved, StockReleased, StockShipped
//
// A batch of orders is decided at once: the levels of all SKUs that it touches are read, every order gets everything
// or nothing, and each SKU gets one event of a kind with all its orders in it. So the cost of an order does not grow
// with how many want the same thing, nor with the SKU's past: its state is a row that is written with the append.
//
//	levels.go    what the events of a SKU mean; the same fold writes the row and verifies it
//	moves.go     receipts, counts and reports, and which of them are refused
//	decide.go    what a batch of orders and moves comes to
//	allocate.go  from which locations an order gets its stock
//	batch.go     the shelves that a batch works on, and what is appended to each SKU
//	units.go     which parts of a batch stand or fall together
//	handle.go    reading, writing and waiting
//	told.go      which moves were taken before, and which count of a location is the latest
//	items.go     which SKU a provider's own id of an item stands for
//	verify.go    where the ledger, its row and the orders' claims disagree
//
// A shop that counts tells what it has left to sell: its own open orders are off already, and are not taken off again,
// whichever is heard of first.
//
// Two batches that want the same SKU meet at its version: the slower one reads again and decides anew.
package inventory
