package inventory

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/ident"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// maxOnHand is more than any location holds of anything; a larger number is a mistake, and sums of such stay in int64.
const maxOnHand = 1_000_000_000_000

// maxName is how long the name of a SKU or a location may be.
const maxName = 255

// MoveKind says how a move was told.
type MoveKind int

// The kinds of moves.
const (
	Receive MoveKind = iota + 1 // a command: so much came in
	Count                       // a command: so much is there
	Report                      // a fact: a channel or warehouse says that so much is there
	Name                        // a fact: a provider's own ids stand for this SKU
)

// Move is news about a SKU that does not come from an order.
type Move struct {
	Kind     MoveKind
	SKU      string
	Location string
	Quantity int64
	By       string
	Reason   string
	At       time.Time // of whoever told it
	// Report names a fact whatever the revision in which it was read.
	Report   ident.Cause
	Revision uint32
	// Items are the provider's own ids: those that Name names, or by which a report without a SKU was found.
	Items []string
	Title string
	// Shop is who reports what it has left to sell, its own open orders being off already. Empty: what is there was counted.
	Shop string
}

// Counted is the latest count of a location that was taken.
type Counted struct {
	At       time.Time
	Report   ident.Cause
	Revision uint32
	Quantity int64
}

// before says that a report is older than what stands, or an earlier reading of it. Ties in time go to the later reading,
// then to the larger count, so that the order of arrival does not matter.
func (m Move) before(c Counted) bool { return m.compare(c) < 0 }

// stands says that a report is the one that stands, told again: what left since then has left.
func (m Move) stands(c Counted) bool { return m.compare(c) == 0 }

func (m Move) compare(c Counted) int {
	if !m.Report.IsZero() && m.Report == c.Report && m.Revision != c.Revision {
		return cmp.Compare(m.Revision, c.Revision) // its time may have been read wrongly, too
	}
	return cmp.Or(m.At.Compare(c.At), cmp.Compare(m.Revision, c.Revision), cmp.Compare(m.Quantity, c.Quantity))
}

func (k MoveKind) command() string {
	if k == Receive {
		return "receive"
	}
	return "set"
}

// wrong says why a command cannot be carried out; empty if it can.
func (m Move) wrong(entity ident.Entity, onHand int64) string {
	switch {
	case m.SKU == "":
		return "a SKU is missing"
	case !plain(m.SKU):
		return "the SKU is too long or holds characters that cannot be seen"
	case !plain(m.Location):
		return "the location is too long or holds characters that cannot be seen"
	case entity != ident.SKU(m.SKU):
		return "the command was sent to another SKU than it names"
	case m.Kind == Receive && m.Quantity <= 0:
		return fmt.Sprintf("%d cannot be received: it has to be above zero", m.Quantity)
	case m.Quantity < 0:
		return fmt.Sprintf("%d cannot be on hand", m.Quantity)
	case m.Quantity > maxOnHand:
		return fmt.Sprintf("%d is more than any location holds", m.Quantity)
	case m.Kind == Receive && onHand > maxOnHand-m.Quantity:
		return fmt.Sprintf("with %d more there would be more than any location holds", m.Quantity)
	}
	return ""
}

func plain(name string) bool {
	return len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// message is the event of a move that is not refused.
func (m Move) message(at *stockv1.Level, counted Counted) proto.Message {
	if m.Kind == Receive {
		return &stockv1.StockReceived{Sku: m.SKU, Location: m.Location, Quantity: m.Quantity}
	}
	adjusted := &stockv1.StockAdjusted{Sku: m.SKU, Location: m.Location, OnHand: m.Quantity, Reason: m.Reason}
	if m.Kind == Report {
		m.believe(adjusted, at, counted)
	}
	adjusted.Oversold = max(0, at.GetReserved()-adjusted.GetOnHand())
	return adjusted
}

// believe is what a report does. What cannot be true, or is no longer, leaves the level as it stands and says so.
func (m Move) believe(adjusted *stockv1.StockAdjusted, at *stockv1.Level, counted Counted) {
	if why := m.passedOver(counted); why != "" {
		adjusted.OnHand, adjusted.Reason = at.GetOnHand(), why
		adjusted.ToldBy, adjusted.ToldAt, adjusted.Short = at.GetToldBy(), at.GetToldAt(), at.GetShort()
		return
	}
	own := int64(0)
	if m.Shop != "" {
		adjusted.ToldBy, adjusted.ToldAt, adjusted.Short = m.Shop, timestamppb.New(m.At), max(0, -m.Quantity)
		if at.GetToldBy() == m.Shop {
			own = at.GetOwn()
		}
	}
	adjusted.OnHand = max(0, plus(m.Quantity, own))
	switch {
	case own > 0:
		adjusted.Reason = fmt.Sprintf("reported as %d beside %d for the shop's open orders", m.Quantity, own)
	case m.Quantity < 0:
		adjusted.Reason = fmt.Sprintf("reported as %d: taken as none", m.Quantity)
	default:
		adjusted.Reason = "reported"
	}
}

// passedOver says why a report counts for nothing; empty if it counts. It is never refused, for it was said.
func (m Move) passedOver(counted Counted) string {
	switch {
	case m.before(counted):
		return fmt.Sprintf("a report of %d that came late: passed over", m.Quantity)
	case m.stands(counted):
		return fmt.Sprintf("a report of %d that was told before: passed over", m.Quantity)
	case m.Quantity > maxOnHand:
		return fmt.Sprintf("a report of %d that cannot be: passed over", m.Quantity)
	}
	return ""
}
