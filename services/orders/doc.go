// Package orders is the life of the order itself: it is placed, edited, held, released, cancelled, completed.
//
// It listens to what shops say of an order (described, cancelled), to operators' commands, and to the doorbells of
// every other category, and appends to the order category alone. What it decides is in decide.go and beside it:
//
//	describe.go   a shop's description becomes OrderPlaced or OrderEdited, or nothing if it is no news
//	holds.go      which questions keep the order from being released, and when they have answered themselves
//	cancel.go     the conversation of a cancellation: asked, answered by three services, done or refused
//	waiting.go    until when what waits may wait, and when it is looked at again
//	decide.go     the release gate, completion, and which of the above is looked at when
//
// A cancellation is a conversation, not a lock: OrderCancelling is answered by fulfillment first and, if nothing has
// left the building, by inventory and payment; each answer is an event in the answerer's own stream and so the fence
// that makes a decision taken on older news conflict and think again.
package orders
