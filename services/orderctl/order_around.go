package orderctl

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// timerView is something that will happen by itself.
type timerView struct {
	Service string    `json:"service"`
	Kind    string    `json:"kind"`
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	What    string    `json:"what"`
}

// parkedView is news, or an order, that waits for a name.
type parkedView struct {
	Refs    []string  `json:"names"`
	Service string    `json:"service"`
	Kind    string    `json:"kind"`
	Since   time.Time `json:"since"`
	What    string    `json:"what"`
}

type stuckView struct {
	Service string    `json:"service"`
	Error   string    `json:"error"`
	Since   time.Time `json:"since"`
}

// surroundings adds what is not in the order's own events. o is nil for an order that cannot be folded.
func (s *system) surroundings(c *cobra.Command, f found, o *order.State, r *reasons) error {
	ctx := c.Context()
	stuck, err := s.store.StuckEntities(ctx)
	if err != nil {
		return err
	}
	for _, st := range stuck {
		if st.Entity == f.id {
			r.Stuck = append(r.Stuck, stuckView{st.Service, st.Error, st.Since.UTC()})
		}
	}
	if r.Next, r.Parked, err = s.timers(ctx, f.id); err != nil {
		return err
	}
	if r.Unread, err = s.unread(ctx, f.id); err != nil && !missingTable(err) { // without a projector there is no journal
		return err
	}
	parked, err := s.parked(ctx, refsOf(o))
	if err != nil {
		return err
	}
	r.Parked = append(r.Parked, parked...)
	if s.NATSURL == "" {
		r.Notes = append(r.Notes, "Dead messages were not looked at: NATS_URL is not set.")
		return nil
	}
	if r.Dead, err = s.deadOf(ctx, f.id); err != nil {
		r.Notes = append(r.Notes, "Dead messages could not be looked at: "+err.Error())
	}
	return nil
}

const timerColumns = `t.service, t.kind, t.due_at, t.attempt, t.payload, t.created_at,
	coalesce((SELECT array_agg(p.ref ORDER BY p.ref) FROM orderflow.parked p WHERE p.service = t.service AND p.id = t.id), '{}')`

type timerRow struct {
	service, kind string
	dueAt         *time.Time
	attempt       int
	payload       []byte
	createdAt     time.Time
	refs          []string
}

// timers are an order's own: those that are due some time, and those that wait for a name.
func (s *system) timers(ctx context.Context, id ident.Entity) ([]timerView, []parkedView, error) {
	rows, err := s.timerRows(ctx, `SELECT `+timerColumns+` FROM orderflow.timers t WHERE t.entity_id = $1 ORDER BY t.due_at, t.service, t.kind`, uuid.UUID(id))
	if err != nil {
		return nil, nil, err
	}
	var next []timerView
	var parked []parkedView
	for _, t := range rows {
		if t.dueAt == nil {
			parked = append(parked, t.parked())
		} else {
			next = append(next, timerView{t.service, t.kind, t.dueAt.UTC(), t.attempt, timerWords(t)})
		}
	}
	return next, parked, nil
}

// parked is what waits for one of the names and belongs to no order yet.
func (s *system) parked(ctx context.Context, refs []string) ([]parkedView, error) {
	rows, err := s.timerRows(ctx, `SELECT `+timerColumns+` FROM orderflow.timers t
		WHERE t.due_at IS NULL AND t.entity_id IS NULL
		  AND EXISTS (SELECT 1 FROM orderflow.parked p WHERE p.service = t.service AND p.id = t.id AND p.ref = ANY($1))
		ORDER BY t.created_at, t.service, t.kind`, refs)
	if err != nil {
		return nil, err
	}
	views := make([]parkedView, len(rows))
	for i, t := range rows {
		views[i] = t.parked()
	}
	return views, nil
}

func (s *system) timerRows(ctx context.Context, query string, args ...any) ([]timerRow, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read timers: %w", err)
	}
	timers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (timerRow, error) {
		var t timerRow
		err := row.Scan(&t.service, &t.kind, &t.dueAt, &t.attempt, &t.payload, &t.createdAt, &t.refs)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("read timers: %w", err)
	}
	return timers, nil
}

func (t timerRow) parked() parkedView {
	return parkedView{t.refs, t.service, t.kind, t.createdAt.UTC(), timerWords(t)}
}

// timerWords says what happens when a timer rings. The kinds are the services' own words; one that is not in this list
// is shown as it stands.
func timerWords(t timerRow) string {
	switch known := map[string]string{
		"look":            "it is looked at again: a deadline may be over by then",
		"settle":          "the settlement delay is over: its label is bought",
		"label_retry":     "its label is tried again",
		"label_in_flight": "the carrier is asked what came of the label, if there is no answer until then",
		"void_in_flight":  "the carrier is asked again to void the label, if there is no answer until then",
		"backorder":       "the order waits for stock",
		"held":            "the customer is told that it is held, if it still is",
		"send_again":      "what the customer is to be told is sent again",
		"retry":           "it is looked at again, after something failed",
	}[t.kind]; {
	case known != "":
		return known
	case t.kind == "command":
		return "a command is tried again: " + commandWords(t.payload) + when(t.attempt > 0, fmt.Sprintf(" (attempt %d)", t.attempt))
	case strings.HasPrefix(t.kind, "fact:"):
		return deliveryWords(t.payload) + when(t.attempt > 0 && t.dueAt != nil, fmt.Sprintf(" is tried again (attempt %d)", t.attempt))
	}
	return plain(t.kind)
}

func commandWords(payload []byte) string {
	c := &commandv1.Command{}
	if err := proto.Unmarshal(payload, c); err != nil {
		return "one that cannot be read"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", c.GetBody()), "*commandv1.Command_") + " by " + someone(c.GetBy())
}

// deliveryWords says what a delivery tells, without anything of a person.
func deliveryWords(payload []byte) string {
	d := &intakev1.Delivery{}
	if err := proto.Unmarshal(payload, d); err != nil {
		return "a delivery that cannot be read"
	}
	words := make([]string, len(d.GetFacts()))
	for i, f := range d.GetFacts() {
		words[i] = factWords(f)
	}
	return fmt.Sprintf("%s (%s %s, received %s)", strings.Join(words, "; "), d.GetSource(), d.GetTopic(), clockTime(d.GetReceivedAt().AsTime()))
}

func factWords(f *intakev1.Fact) string {
	switch body := f.GetBody().(type) {
	case *intakev1.Fact_OrderDescribed:
		return "an order's description: number " + body.OrderDescribed.GetNumber()
	case *intakev1.Fact_CancellationReported:
		return "the shop's word that it is cancelled"
	case *intakev1.Fact_PaymentReported:
		p := body.PaymentReported
		return "a payment " + tail(p.GetStep(), "PAYMENT_STEP_") + ": " + amount(p.GetAmount()) + named(p.GetNames())
	case *intakev1.Fact_RefundReported:
		r := body.RefundReported
		return "a refund " + tail(r.GetStep(), "REFUND_STEP_") + ": " + amount(r.GetAmount()) + named(r.GetNames())
	case *intakev1.Fact_DisputeReported:
		p := body.DisputeReported
		return "a dispute " + tail(p.GetStep(), "DISPUTE_STEP_") + ": " + amount(p.GetAmount()) + named(p.GetNames())
	case *intakev1.Fact_PaidClaimed:
		return "the shop's word that " + amount(body.PaidClaimed.GetAmount()) + " are paid"
	case *intakev1.Fact_ScanReported:
		s := body.ScanReported
		return "a scan of " + s.GetCarrier() + " " + s.GetTrackingNumber() + ": " + tail(s.GetStep(), "SCAN_STEP_")
	case *intakev1.Fact_StockReported:
		s := body.StockReported
		return fmt.Sprintf("a count of %s: %d", cmp.Or(s.GetSku(), strings.Join(f.GetReferences(), ", ")), s.GetOnHand())
	case *intakev1.Fact_ProductReported:
		return "a product: SKU " + body.ProductReported.GetSku()
	case *intakev1.Fact_ShipmentReported:
		s := body.ShipmentReported
		return "a shipment " + tail(s.GetStep(), "SHIPMENT_STEP_") + " by somebody else: " + s.GetShipmentId() + named(s.GetTrackingNumbers())
	case *intakev1.Fact_MessageReported:
		m := body.MessageReported
		return "a message " + tail(m.GetStep(), "MESSAGE_STEP_") + ": " + m.GetProvider() + " " + m.GetMessageId()
	}
	return "something that this version does not know"
}

// refsOf are all names under which news of an order may have been parked.
func refsOf(o *order.State) []string {
	if o == nil {
		return nil
	}
	var refs []string
	if d := o.Order.Description; d != nil {
		k := d.GetKey()
		refs = append(refs, "number:"+k.GetSource()+":"+k.GetAccount()+":"+d.GetNumber(), "number:"+k.GetSource()+":"+k.GetAccount()+":"+k.GetId())
	}
	for _, p := range o.Payment.Payments() {
		refs = append(refs, p.Names...)
	}
	for _, sh := range shipmentsOf(o) {
		if sh.Tracking != "" {
			refs = append(refs, "tracking:"+sh.Carrier+":"+sh.Tracking)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// deadOf are the messages of an order that a service gave up on.
func (s *system) deadOf(ctx context.Context, id ident.Entity) ([]deadSummary, error) {
	var mine []deadSummary
	err := broker(ctx, s.Running, func(ctx context.Context, js jetstream.JetStream) error {
		all, err := bus.DeadMessages(ctx, js)
		for _, b := range all {
			if bytes.Equal(b.GetEntityId(), id[:]) {
				mine = append(mine, summaryOf(b))
			}
		}
		return err
	})
	return mine, err
}

// explainUnknown says which names were tried for an order that nobody knows, and what waits under them.
func (s *system) explainUnknown(ctx context.Context, unknown unknownError) error {
	var b strings.Builder
	fmt.Fprintf(&b, "orderctl: %v. Tried:\n", unknown)
	for _, words := range unknown.names.tried {
		fmt.Fprintf(&b, "  %s\n", visible(words))
	}
	parked, err := s.parked(ctx, unknown.names.refs)
	if err != nil {
		return errors.Join(unknown, err)
	}
	if id, ok := asID(unknown.arg); ok {
		next, waiting, err := s.timers(ctx, id)
		if err != nil {
			return errors.Join(unknown, err)
		}
		parked = append(parked, waiting...)
		for _, t := range next {
			fmt.Fprintf(&b, "Under way for this id, by %s at %s UTC: %s\n", t.Service, clockTime(t.At), visible(t.What))
		}
	}
	switch {
	case len(parked) > 0:
		b.WriteString("But this waits under these names for the order to come:\n")
		for _, p := range parked {
			fmt.Fprintf(&b, "  %s: %s, since %s UTC\n", visible(strings.Join(p.Refs, ", ")), visible(p.What), clockTime(p.Since))
		}
	default:
		b.WriteString("Nothing waits under these names. 'orderctl order list' shows what there is, and\n" +
			"'orderctl webhooks list --outcome quarantined' what came and could not be used.")
	}
	return exitStatus{1, strings.TrimRight(b.String(), "\n")}
}
