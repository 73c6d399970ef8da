// Package ident computes the ids that every service and every retry must come to without asking anybody.
//
// All of them are UUIDv5 over length-prefixed parts, so that ("ab","c") and ("a","bc") can never meet.
// The test vectors in this package are a contract: an id that changes is an order that is lost.
package ident

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/google/uuid"
)

// Entity is the id of what streams are about: an order or a SKU.
type Entity uuid.UUID

// Event is the id of one event.
type Event uuid.UUID

// Cause is the id of the message that led to an event: a fact, a command, a doorbell's event or a timer.
type Cause uuid.UUID

// Delivery is the id of one verified request of a provider.
type Delivery uuid.UUID

// Trace is the id of everything that one message from outside led to: a delivery's id, or a command's.
type Trace uuid.UUID

// String is how traces are written: 32 digits without dashes.
func (t Trace) String() string { return hex.EncodeToString(t[:]) }

// IsZero says that no trace is known.
func (t Trace) IsZero() bool { return t == Trace{} }

func (e Entity) String() string   { return uuid.UUID(e).String() }
func (e Event) String() string    { return uuid.UUID(e).String() }
func (c Cause) String() string    { return uuid.UUID(c).String() }
func (d Delivery) String() string { return uuid.UUID(d).String() }

// IsZero says that no entity is named.
func (e Entity) IsZero() bool { return e == Entity{} }

// IsZero says that no cause is named.
func (c Cause) IsZero() bool { return c == Cause{} }

// namespace is the root of every id of ours: UUIDv5 of the DNS namespace and this project's name.
var namespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("orderflow"))

// Order is the id of the order that a shop knows under its immutable order id.
func Order(source, account, shopOrderID string) Entity {
	return Entity(derive("order", source, account, shopOrderID))
}

// SKU is the id of a stock keeping unit; its stream is stock-<id>.
func SKU(sku string) Entity { return Entity(derive("sku", sku)) }

// DeliveryOf is the id of a request: the same request told again has the same id, another body under the
// same delivery id has another (providers' own ids collide).
func DeliveryOf(source, account, topic, deliveryID string, bodyHash [32]byte) Delivery {
	return Delivery(derive("delivery", source, account, topic, deliveryID, string(bodyHash[:])))
}

// Fact is the cause that the n-th fact of a delivery is. A newer reading of the same delivery (a higher
// revision) is another cause, so that a correction is not taken for a repeat.
func Fact(d Delivery, n int, revision uint32) Cause {
	return Cause(derive("fact", string(d[:]), number(int64(n)), number(int64(revision))))
}

// Reading is the id under which a later reading of a delivery is published: not the delivery's own, which was published
// when it came.
func Reading(d Delivery, revision uint32) Cause {
	return Cause(derive("reading", string(d[:]), number(int64(revision))))
}

// EventOf is the id of the ordinal-th event of its type that a service appends to a stream because of a cause.
func EventOf(service, category string, entity Entity, cause Cause, eventType string, ordinal int) Event {
	return Event(derive("event", service, category, string(entity[:]), string(cause[:]), eventType, number(int64(ordinal))))
}

// Named is a cause that is neither fact nor message: an operator's command by its name, a timer by its kind.
func Named(parts ...string) Cause { return Cause(derive(append([]string{"cause"}, parts...)...)) }

func number(n int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // two's complement on purpose: only the bytes matter
	return string(b[:])
}

func derive(parts ...string) uuid.UUID {
	size := 0
	for _, p := range parts {
		size += len(p) + 4
	}
	name := make([]byte, 0, size)
	for _, p := range parts {
		name = binary.BigEndian.AppendUint32(name, uint32(len(p))) //nolint:gosec // parts are far below 4 GiB
		name = append(name, p...)
	}
	return uuid.NewSHA1(namespace, name)
}
