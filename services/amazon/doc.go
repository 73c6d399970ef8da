// Package amazon gets what Amazon's Selling Partner API tells by other ways than webhooks, and keeps it in INTAKE as the
// ingress keeps a webhook: read by the same source, with the same ids, so that it does not matter which way something came.
//
//	SQS queue ──▶ receive ──▶ read ──▶ INTAKE ──▶ delete           queue.go
//
//	ORDER_CHANGE in INTAKE ──▶ getOrder, getOrderItems, getOrderAddress ──▶ read ──▶ INTAKE, topic "order"
//	                           orders.go, api.go, token.go                           signals.go
//
// Each part does nothing, and says so, unless it is configured. It has no database: what is to be done is in the queue, or
// in INTAKE, until it is done.
//
// ORDER_CHANGE is a doorbell: it says which order to look at and nothing of what it costs or whom it is for. Many of them
// are as good as one that came last, and an order that was read after a signal had come is not read for it again.
package amazon
