// Package event is what is appended: the generated messages of proto/, wrapped in where, why and when.
//
// There is no second set of structs. A category is the package of the message (orderflow.payment.v1 is payment's),
// and exactly one service appends to a category.
package event

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/orderflow/orderflow/pkg/ident"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Category is one service's streams.
type Category string

// The categories. All but Stock share the order's id; Stock has the SKU's.
const (
	Order        Category = "order"
	Payment      Category = "payment"
	Fraud        Category = "fraud"
	Inventory    Category = "inventory"
	Stock        Category = "stock"
	Fulfillment  Category = "fulfillment"
	Notification Category = "notification"
)

// Categories lists every category in the order in which people read them.
var Categories = [...]Category{Order, Payment, Fraud, Inventory, Stock, Fulfillment, Notification}

// ErrUnknownType says that this build has no message of that type: an older replica meets a newer event.
var ErrUnknownType = errors.New("unknown event type")

// Recorded is an event as it was appended.
type Recorded struct {
	ID       ident.Event
	Entity   ident.Entity
	Category Category
	// Version counts from 1 without a gap within (entity, category).
	Version int
	// Type is the message's full name without the orderflow prefix: order.v1.OrderPlaced.
	Type string
	// Message is nil where this build does not know the type; Data always holds the bytes.
	Message proto.Message
	Data    []byte
	// Damaged says why there is no Message although the type is known: nobody can fold such an event, nor pass it over.
	Damaged error
	Cause   ident.Cause
	// Trace is that of the message that led to it; zero where it was not known.
	Trace ident.Trace
	// OccurredAt is the provider's clock where there is one, RecordedAt is ours.
	OccurredAt time.Time
	RecordedAt time.Time
}

// New is an event that was decided and is not stored yet.
type New struct {
	Message    proto.Message
	Cause      ident.Cause
	OccurredAt time.Time
	// Span is that in which it was decided; nil where there was none.
	Span trace.Span
	// Ordinal is how many events of this type the same cause led to in this stream before: a timer rings more than once.
	Ordinal int
	// Personal is sealed into the message's field "sealed" just before it is stored. Nil where there is none.
	Personal *typev1.Person
}

// Of makes new events of messages that share cause and time.
func Of(cause ident.Cause, occurredAt time.Time, messages ...proto.Message) []New {
	events := make([]New, len(messages))
	for i, m := range messages {
		events[i] = New{Message: m, Cause: cause, OccurredAt: occurredAt}
	}
	return events
}

const root = "orderflow."

// TypeOf is the type under which a message is stored: order.v1.OrderPlaced.
func TypeOf(m proto.Message) string {
	return strings.TrimPrefix(string(m.ProtoReflect().Descriptor().FullName()), root)
}

// NameOf is the last part of a type, as it stands in subjects: OrderPlaced.
func NameOf(eventType string) string { return eventType[strings.LastIndexByte(eventType, '.')+1:] }

// CategoryOf is the category whose streams hold a type.
func CategoryOf(eventType string) Category {
	head, _, _ := strings.Cut(eventType, ".")
	return Category(head)
}

// Decode reads the bytes of a stored event. The error wraps ErrUnknownType where this build has no such message.
func Decode(eventType string, data []byte) (proto.Message, error) {
	mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(root + eventType))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknownType, eventType)
	}
	m := mt.New().Interface()
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("decode %s: %w", eventType, err)
	}
	return m, nil
}
