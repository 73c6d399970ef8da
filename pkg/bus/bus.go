// Package bus is every stream, subject and durable of the system, in one place.
//
//	INTAKE    intake.<partition>.<source>.<order|->.<payment|->.<fulfillment|->.<stock|->   one message per delivery
//	EVENTS    events.<category>.<partition>.<Type>                                          doorbells: look at this entity
//	COMMANDS  commands.<service>.<Type>                                                     what operators ask for
//	DEAD      dead.<service>.<reason>                                                       what was given up on
//
// INTAKE refuses when it is full, so that a provider tries again; EVENTS drops its oldest, since Postgres holds the
// truth and a doorbell can be rung again.
package bus

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// The streams.
const (
	Intake   = "INTAKE"
	Events   = "EVENTS"
	Commands = "COMMANDS"
	Dead     = "DEAD"
)

// Partitions is how many parts the entities are spread over in subjects. It can be raised only with every durable
// drained, so it is generous from the start.
const Partitions = 64

// StreamOptions is what differs between one node and a cluster.
type StreamOptions struct {
	Replicas int // 1 or 3
	// MaxIntakeBytes and MaxEventsBytes bound the disk; 0 means 10 GiB and 2 GiB.
	MaxIntakeBytes, MaxEventsBytes int64
	// EventsInMemory keeps doorbells off the disk, where each one costs a sync: for a single server, with which they are
	// lost and rung again by the sweep of every service's next start.
	EventsInMemory bool
}

// eventsStorage is where doorbells are kept, and how many bytes of them.
func (o StreamOptions) eventsStorage() (jetstream.StorageType, int64) {
	if o.EventsInMemory {
		return jetstream.MemoryStorage, orDefault(o.MaxEventsBytes, 256<<20)
	}
	return jetstream.FileStorage, orDefault(o.MaxEventsBytes, 2<<30)
}

func streams(o StreamOptions) []jetstream.StreamConfig {
	replicas := max(o.Replicas, 1)
	events, eventsBytes := o.eventsStorage()
	return []jetstream.StreamConfig{
		{
			Name: Intake, Subjects: []string{"intake.>"}, Description: "Deliveries: verified webhooks with what was read out of them.",
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew, MaxAge: 7 * 24 * time.Hour,
			MaxBytes: orDefault(o.MaxIntakeBytes, 10<<30), MaxMsgs: -1, Storage: jetstream.FileStorage, Replicas: replicas,
			Duplicates: 2 * time.Hour, AllowAtomicPublish: true, AllowDirect: true,
		},
		{
			Name: Events, Subjects: []string{"events.>"}, Description: "Doorbells: what was appended to the event store.",
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxAge: 24 * time.Hour,
			MaxBytes: eventsBytes, MaxMsgs: -1, Storage: events, Replicas: replicas,
			Duplicates: 2 * time.Minute, AllowAtomicPublish: true, AllowDirect: true,
		},
		{
			Name: Commands, Subjects: []string{"commands.>"}, Description: "What operators and the API ask of services.",
			Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxAge: 7 * 24 * time.Hour,
			MaxBytes: 256 << 20, MaxMsgs: -1, Storage: jetstream.FileStorage, Replicas: replicas, Duplicates: 2 * time.Hour,
		},
		{
			Name: Dead, Subjects: []string{"dead.>"}, Description: "Messages that a service gave up on, with the reason.",
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxAge: 30 * 24 * time.Hour,
			MaxBytes: 1 << 30, MaxMsgs: -1, Storage: jetstream.FileStorage, Replicas: replicas, Duplicates: 2 * time.Hour,
			AllowDirect: true,
		},
	}
}

func orDefault(n, fallback int64) int64 {
	if n == 0 {
		return fallback
	}
	return n
}

// Owner is the service that a fact is for.
type Owner string

// The owners of facts, in the order of their tokens in intake subjects.
const (
	OwnerNone        Owner = ""
	OwnerOrder       Owner = "order"
	OwnerPayment     Owner = "payment"
	OwnerFulfillment Owner = "fulfillment"
	OwnerStock       Owner = "stock"
	// OwnerNotification has a token only where facts are its own; see IntakeSubject.
	OwnerNotification Owner = "notification"
)

var owners = [...]Owner{OwnerOrder, OwnerPayment, OwnerFulfillment, OwnerStock}

// OwnerOf says whose fact it is; OwnerNone for a fact that this build does not know.
func OwnerOf(f *intakev1.Fact) Owner {
	switch f.GetBody().(type) {
	case *intakev1.Fact_OrderDescribed, *intakev1.Fact_CancellationReported:
		return OwnerOrder
	case *intakev1.Fact_PaymentReported, *intakev1.Fact_RefundReported, *intakev1.Fact_DisputeReported, *intakev1.Fact_PaidClaimed:
		return OwnerPayment
	case *intakev1.Fact_ScanReported, *intakev1.Fact_ShipmentReported:
		return OwnerFulfillment
	case *intakev1.Fact_StockReported, *intakev1.Fact_ProductReported:
		return OwnerStock
	case *intakev1.Fact_MessageReported:
		return OwnerNotification
	}
	return OwnerNone
}

// EntityOf is the entity that a fact names itself; false if only references lead to it.
func EntityOf(f *intakev1.Fact) (ident.Entity, bool) {
	switch {
	case f.GetStockReported() != nil:
		return skuOf(f.GetStockReported())
	case f.GetProductReported() != nil:
		return skuOf(f.GetProductReported())
	}
	if k := f.GetOrder(); k.GetId() != "" {
		return ident.Order(k.GetSource(), k.GetAccount(), k.GetId()), true
	}
	return ident.Entity{}, false
}

func skuOf(m interface{ GetSku() string }) (ident.Entity, bool) {
	if m.GetSku() == "" {
		return ident.Entity{}, false
	}
	return ident.SKU(m.GetSku()), true
}

// IntakeSubject is where a delivery is published. Its tokens say whose facts are in it, so that every owner filters on
// the server. Facts about messages never come with others, so their token stands behind the four, and only there: the
// subjects of all other deliveries, and what waits in the stream under them, are as they were before it.
func IntakeSubject(d *intakev1.Delivery) string {
	has := map[Owner]bool{}
	for _, f := range d.GetFacts() {
		has[OwnerOf(f)] = true
	}
	tokens := []string{"intake", strconv.Itoa(intakePartition(d)), token(d.GetSource())}
	for _, o := range owners {
		if has[o] {
			tokens = append(tokens, string(o))
		} else {
			tokens = append(tokens, "-")
		}
	}
	if len(has) == 1 && has[OwnerNotification] {
		tokens = append(tokens, string(OwnerNotification))
	}
	return strings.Join(tokens, ".")
}

func intakePartition(d *intakev1.Delivery) int {
	for _, f := range d.GetFacts() {
		if id, ok := EntityOf(f); ok {
			return Partition(id)
		}
		if refs := f.GetReferences(); len(refs) > 0 {
			return part([]byte(refs[0]))
		}
	}
	return part(d.GetId())
}

// Partition is the part of the subjects that an entity belongs to.
func Partition(id ident.Entity) int { return part(id[:]) }

func part(key []byte) int {
	h := fnv.New32a()
	_, _ = h.Write(key) // a hash never fails
	return int(h.Sum32() % Partitions)
}

// EventSubject is where a doorbell rings.
func EventSubject(d *envelopev1.Doorbell) string {
	return "events." + d.GetCategory() + "." + strconv.Itoa(part(d.GetEntityId())) + "." + d.GetType()
}

// CommandSubject is where a service listens for a command.
func CommandSubject(service string, c *commandv1.Command) string {
	name := "unknown"
	m := c.ProtoReflect()
	if f := m.WhichOneof(m.Descriptor().Oneofs().ByName("body")); f != nil {
		name = string(f.Message().Name())
	}
	return "commands." + service + "." + name
}

// DeadSubject is where a service puts what it gives up on.
func DeadSubject(service, reason string) string { return "dead." + service + "." + token(reason) }

// token keeps a word from becoming two tokens or a wildcard.
func token(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, s)
}

// Ring is what a service listens to: a category, and the types in it that concern it (none: all of them).
type Ring struct {
	Category event.Category
	Types    []string
}

// Durable is a consumer that outlives its process.
type Durable struct {
	Name    string
	Stream  string
	Filters []string
	// AckWait is how long a message may be in hand before it is delivered again.
	AckWait time.Duration
	// MaxAckPending is how many messages may be in hand at once, over all replicas.
	MaxAckPending int
}

// Settings of every durable: handling is fast, so that what takes longer than this belongs to a process that died.
const (
	ackWait       = 30 * time.Second
	maxAckPending = 4096
)

// FactsDurable brings a service the deliveries that hold its facts.
func FactsDurable(service string, o Owner) Durable {
	tokens := []string{"intake", "*", "*"}
	for _, each := range owners {
		if each == o {
			tokens = append(tokens, string(o))
		} else {
			tokens = append(tokens, "*")
		}
	}
	if o == OwnerNotification {
		tokens = append(tokens, string(o))
	}
	return Durable{service + "-facts", Intake, []string{strings.Join(tokens, ".")}, ackWait, maxAckPending}
}

// JournalDurable brings every delivery to the journal.
func JournalDurable() Durable {
	return Durable{"journal", Intake, []string{"intake.>"}, ackWait, maxAckPending}
}

// SourceDurable brings a service every delivery of one source. Few are in hand at once and each may take its time: it is for
// who has to ask the source about them.
func SourceDurable(service, source string) Durable {
	return Durable{service + "-source", Intake, []string{"intake.*." + token(source) + ".>"}, sourceAckWait, sourceMaxAckPending}
}

// Settings of a durable whose messages wait for an answer from outside.
const (
	sourceAckWait       = 5 * time.Minute
	sourceMaxAckPending = 64
)

// RingsDurable brings a service the doorbells that concern it.
func RingsDurable(service string, rings ...Ring) Durable {
	var filters []string
	for _, r := range rings {
		if len(r.Types) == 0 {
			filters = append(filters, "events."+string(r.Category)+".>")
		}
		for _, t := range r.Types {
			filters = append(filters, "events."+string(r.Category)+".*."+t)
		}
	}
	return Durable{service + "-rings", Events, filters, ackWait, maxAckPending}
}

// CommandsDurable brings a service what is asked of it.
func CommandsDurable(service string) Durable {
	return Durable{service + "-commands", Commands, []string{"commands." + service + ".>"}, ackWait, maxAckPending}
}
