package orderctl

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/operators"
)

func orderWhyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "why ORDER", Short: "Say what an order waits for, since when, for whom and until when",
		Annotations: needs(operators.Viewer),
		Long: `Say in words what an order waits for: every closed gate with who has to move, since when and until when; what will
happen by itself and when; what was parked, given up or stuck on its way.

With --at or --occurred the gates are those of then; timers, parked news, dead messages and what is stuck are always of
now and are left out.

` + orderHelp + `

` + timeHelp,
		Example: `  orderctl order why shopify/1001
  orderctl order why A-17 --at 2h            what it waited for two hours ago
  orderctl order why A-17 --json`,
		Args: takes(cobra.ExactArgs(1), "one ORDER"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := momentOf(c)
			if err != nil {
				return err
			}
			return withOrder(c, args[0], func(s *system, f found) error { return why(c, s, f, m) })
		},
	}
	momentFlags(c)
	return c
}

// reasons is the answer to why.
type reasons struct {
	ID       string        `json:"order_id"`
	Name     string        `json:"name,omitempty"`
	Status   string        `json:"status"`
	AsOf     string        `json:"as_of,omitempty"`
	Sentence string        `json:"sentence"`
	Waits    []orderWait   `json:"waits"`
	Gates    []gateView    `json:"gates"`
	Helps    []string      `json:"helps,omitempty"`
	Unread   []unreadView  `json:"quarantined,omitempty"`
	Next     []timerView   `json:"next"`
	Parked   []parkedView  `json:"parked"`
	Stuck    []stuckView   `json:"stuck"`
	Dead     []deadSummary `json:"dead"`
	// Notes say what could not be looked at.
	Notes []string `json:"notes,omitempty"`
}

type gateView struct {
	Name     string     `json:"gate"`
	Open     bool       `json:"open"`
	WaitsFor string     `json:"waits_for,omitempty"`
	Who      string     `json:"who,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	Deadline *time.Time `json:"deadline,omitempty"`
}

func why(c *cobra.Command, s *system, f found, m moment) error {
	o, events, err := rewind(f.id, f.events, m)
	r := reasons{ID: f.id.String(), AsOf: m.words(), Waits: []orderWait{}}
	at := now(c.Context())
	if !m.isNow() {
		at = m.at
	}
	switch {
	case errors.Is(err, order.ErrGap), errors.Is(err, order.ErrDamaged):
		r.Status, r.Sentence = "stuck", "It cannot be folded, and so nobody decides about it: "+err.Error()+"."
	case err != nil:
		return err
	case len(events) == 0:
		return fmt.Errorf("nothing was known of %s %s", f.id, m.words())
	default:
		patience, err := s.patience()
		if err != nil {
			return err
		}
		r.Name, r.Status, r.Gates, r.Waits = nameOf(o), string(o.Status()), gatesOf(o), waitsOf(o, patience, at)
		r.Sentence = sentenceOf(o, r.Waits)
		if o.Unknown > 0 {
			r.Notes = append(r.Notes, count(o.Unknown, "event")+" of it only a newer program understands; the service whose it is waits for that program.")
		}
	}
	if m.isNow() {
		if err := s.surroundings(c, f, o, &r); err != nil {
			return err
		}
		r.Helps = helpsOf(r.Name, o, &r)
	}
	if wantsJSON(c) {
		return printJSON(c, r)
	}
	return r.print(&printer{w: c.OutOrStdout()}, at)
}

func gatesOf(o *order.State) []gateView {
	var views []gateView
	for _, g := range o.Gates() {
		views = append(views, gateView{
			Name: g.Name, Open: g.Open, WaitsFor: g.WaitsFor, Who: g.Who, Since: optional(g.Since), Deadline: optional(g.Deadline),
		})
	}
	return views
}

// sentenceOf is where the order stands, in a sentence or two.
func sentenceOf(o *order.State, waits []orderWait) string {
	overdue := 0
	for _, w := range waits {
		if w.Overdue {
			overdue++
		}
	}
	return standing(o, waits) + when(overdue > 0, " Overdue: "+count(overdue, "wait")+".")
}

func standing(o *order.State, waits []orderWait) string {
	parcel := parcelSentence(o)
	switch {
	case o.Order.Historic:
		return "It was imported from the past and waits for nothing."
	case o.Order.Ended():
		return ending(o) + when(parcel != "", " But "+strings.ToLower(parcel[:min(1, len(parcel))])+parcel[min(1, len(parcel)):]) +
			when(parcel == "" && len(waits) == 0, " It waits for nothing.")
	case parcel != "":
		return parcel
	case o.Completed():
		return "It was completed at " + clockTime(o.CompletedAt()) + " UTC and waits for nothing."
	}
	closed := 0
	for _, w := range waits {
		if !behindTheRelease[w.Gate] {
			closed++
		}
	}
	if closed > 0 {
		return "It waits at " + count(closed, "gate") + "."
	}
	return onItsWay(o)
}

// behindTheRelease are what an order waits for that no gate of the release keeps back.
var behindTheRelease = map[string]bool{"release": true, "label": true, "void": true, "pickup": true, "parcel": true, "refund": true}

func ending(o *order.State) string {
	if o.Order.Expired {
		return "It expired at " + clockTime(o.Order.ClosedAt) + " UTC."
	}
	reason := ""
	if c := o.Order.Cancellation; c != nil { // an import is cancelled without being asked for
		reason = c.Reason
	}
	return "It was cancelled at " + clockTime(o.Order.ClosedAt) + " UTC" + because(reason) + "." + notGivenBack(o)
}

// notGivenBack is money of a cancelled order for whose return nobody waits: we only decide about payments that their
// provider told of.
func notGivenBack(o *order.State) string {
	f := o.Funds()
	if f.Net() <= 0 {
		return ""
	}
	return " Of what was paid, " + money.FromProto(f.Money(f.Net())).String() + " did not go back: where only the shop told of a payment, the shop gives it back."
}

// parcelSentence is for orders that have left: one sentence says it all.
func parcelSentence(o *order.State) string {
	at := map[string]time.Time{}
	first := func(what string, t time.Time, ok bool) {
		if have, known := at[what]; ok && (!known || t.Before(have)) {
			at[what] = t
		}
	}
	for _, s := range o.Fulfillment.Scans {
		t, ok := o.Fulfillment.ShippedAt(s.Tracking)
		first("shipped", t, ok)
		t, ok = o.Fulfillment.DeliveredAt(s.Tracking)
		first("delivered", t, ok)
		t, ok = o.Fulfillment.LostAt(s.Tracking)
		first("lost", t, ok)
		t, ok = o.Fulfillment.ReturnedAt(s.Tracking)
		first("returned", t, ok)
	}
	shipped := ""
	if t, ok := at["shipped"]; ok {
		shipped = "It shipped at " + clockTime(t) + " UTC"
	}
	for _, end := range []struct{ what, words string }{
		{"returned", "came back at %s UTC"}, {"delivered", "was delivered at %s UTC"}, {"lost", "was given up by the carrier at %s UTC"},
	} {
		if t, ok := at[end.what]; ok {
			words := fmt.Sprintf(end.words, clockTime(t))
			if shipped == "" {
				return "It " + words + "."
			}
			return shipped + " and " + words + "."
		}
	}
	if shipped == "" {
		return ""
	}
	return shipped + " and is on its way; it waits for the carrier."
}

// onItsWay is for orders whose gates are all open and whose parcel has not left.
func onItsWay(o *order.State) string {
	release := o.Order.LatestRelease()
	if release == nil {
		if len(o.Wanted()) == 0 {
			return "Nothing of it is ours to ship; it is about to be completed."
		}
		return "Every gate is open; it is about to be released."
	}
	switch sh := o.Shipment(release.Number); {
	case sh == nil:
		return "It was released at " + clockTime(release.At) + " UTC and waits for its label, which is bought after the settlement delay."
	case sh.Voided:
		return "Its label was voided" + because(plain(sh.VoidedBecause)) + "; it is about to be released again."
	case sh.Tracking != "":
		return "It has a label (" + sh.Carrier + " " + sh.Tracking + ") and waits for the carrier's first scan."
	case !sh.InFlightUntil.IsZero():
		return fmt.Sprintf("Its label is being bought (attempt %d); what came of that is known by %s UTC.", sh.Attempt, clockTime(sh.InFlightUntil))
	case sh.GivenUp:
		return "Its label was given up" + because(plain(sh.Failure())) + ". 'orderctl order retry-label' tries it again."
	default:
		return "Its label failed" + because(plain(sh.Failure())) + "; it is tried again at " + clockTime(sh.RetryAt) + " UTC."
	}
}

func (r reasons) print(p *printer, at time.Time) error {
	name := r.Name
	if name == "" {
		name = r.ID
	}
	p.line("Order %s is %s%s.", name, plain(r.Status), when(r.AsOf != "", ", "+r.AsOf))
	p.line("%s", r.Sentence)
	var rows [][]string
	p.waits(r.Waits, at)
	if len(r.Helps) > 0 {
		p.line("")
		p.line("What helps")
		for _, h := range r.Helps {
			p.line("  %s", h)
		}
	}
	rows = nil
	for _, u := range r.Unread {
		rows = append(rows, []string{clockTime(u.At), u.Source, u.Topic, u.Reason, shortened(u.Detail, 100)})
	}
	p.rows("In quarantine: told of it and could not be used", []string{"AT", "SOURCE", "TOPIC", "REASON", "WHAT"}, rows)
	rows = nil
	for _, t := range r.Next {
		rows = append(rows, []string{clockTime(t.At), distance(t.At, at), t.Service, t.What})
	}
	p.rows("Happens by itself", []string{"AT", "", "BY", "WHAT"}, rows)
	rows = nil
	for _, q := range r.Parked {
		rows = append(rows, []string{strings.Join(q.Refs, ", "), q.Service, since(&q.Since, at), q.What})
	}
	p.rows("Parked: waits for a name", []string{"NAME", "BY", "SINCE", "WHAT"}, rows)
	rows = nil
	for _, st := range r.Stuck {
		rows = append(rows, []string{st.Service, since(&st.Since, at), shortened(firstLine(st.Error), 100)})
	}
	p.rows("Stuck: our program fails on it", []string{"SERVICE", "SINCE", "ERROR"}, rows)
	rows = nil
	for _, d := range r.Dead {
		rows = append(rows, []string{fmt.Sprint(d.Number), d.Service, d.Reason, clockTime(d.At), shortened(firstLine(d.Error), 80)})
	}
	p.rows("Given up: see 'orderctl dead show NUMBER'", []string{"NUMBER", "SERVICE", "REASON", "AT", "ERROR"}, rows)
	for _, note := range r.Notes {
		p.line("")
		p.line("%s", note)
	}
	return p.err
}

func since(t *time.Time, at time.Time) string {
	if t == nil {
		return "-"
	}
	return clockTime(*t) + " (" + span(at.Sub(*t)) + ")"
}

func until(t *time.Time, at time.Time) string {
	if t == nil {
		return "-"
	}
	return clockTime(*t) + " (" + distance(*t, at) + ")"
}

// distance is how far a moment is from another: in 3 min, or overdue.
func distance(t, from time.Time) string {
	if t.Before(from) {
		return "overdue for " + span(from.Sub(t))
	}
	return "in " + span(t.Sub(from))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
