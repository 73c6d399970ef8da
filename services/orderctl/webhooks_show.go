package orderctl

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/services/operators"
)

func webhooksShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "show ID", Short: "Show a delivery, and what became of every fact in it",
		Annotations: needs(operators.Viewer),
		Long: `Show a delivery, and what became of every fact in it: the events that it caused, what it waits for, or that it was
given up. The facts are read out of the body again for this.

` + deliveryHelp + `

The body holds personal data and is shown only with --body.`,
		Example: `  orderctl webhooks show 5f0c2a9e-1b2c
  orderctl webhooks show evt_1PqXyz --json
  orderctl webhooks show 5f0c2a9e-1b2c --body > body.json`,
		Args: takes(cobra.ExactArgs(1), "one ID, as 'orderctl webhooks list' shows it"),
		RunE: func(c *cobra.Command, args []string) error {
			body, err := c.Flags().GetBool("body")
			if err != nil {
				return err
			}
			s, err := open(c)
			if err != nil {
				return err
			}
			defer s.close()
			k, err := s.delivery(c.Context(), args[0])
			if err != nil {
				return err
			}
			if body && !wantsJSON(c) {
				return s.printBody(c, k)
			}
			v, err := s.deliveryView(c.Context(), k, body)
			if err != nil {
				return err
			}
			if wantsJSON(c) {
				return printJSON(c, v)
			}
			return v.print(&printer{w: c.OutOrStdout()})
		},
	}
	c.Flags().Bool("body", false, "print the body as it came, and nothing else; with --json: beside everything else")
	aboutFlag(c.Flags(), "body", roleNeeded, string(operators.Operator))
	return c
}

// printBody prints the bytes that were signed, so that they can be given to 'orderctl normalize' or check.
func (s *system) printBody(c *cobra.Command, k kept) error {
	body, erased, err := s.body(c.Context(), k)
	if err != nil {
		return err
	}
	if erased {
		return errErased
	}
	_, err = c.OutOrStdout().Write(body)
	return err
}

// errErased is for a body that nobody can read again.
var errErased = errors.New("the body of this delivery was erased: its key is gone, and nobody can read it again")

// deliveryView is everything that is known of a delivery.
type deliveryView struct {
	webhookView
	Headers map[string]string `json:"headers"`
	Hash    string            `json:"body_sha256"`
	Size    int               `json:"body_bytes"`
	Erased  bool              `json:"erased,omitempty"`
	Body    string            `json:"body,omitempty"`
	// Named are the orders that it names itself, as people call them, by id.
	Named map[string]string `json:"order_names,omitempty"`
	Parts []factView        `json:"what_became_of_it"`
	// Others came under the same id of the provider with another body.
	Others []otherView   `json:"other_bodies,omitempty"`
	Dead   []deadSummary `json:"dead,omitempty"`
	// Notes say what could not be looked at.
	Notes []string `json:"notes,omitempty"`
}

// otherView is another delivery under the same id of the provider.
type otherView struct {
	ID         string    `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	Outcome    string    `json:"outcome"`
}

func (s *system) deliveryView(ctx context.Context, k kept, withBody bool) (*deliveryView, error) {
	v := &deliveryView{webhookView: k.view(), Headers: k.headers, Hash: hex.EncodeToString(k.hash)}
	body, erased, err := s.body(ctx, k)
	if err != nil {
		return nil, err
	}
	v.Size, v.Erased = len(body), erased
	if withBody && erased {
		v.Notes = append(v.Notes, errErased.Error())
	} else if withBody {
		v.Body = string(body)
	}
	if err := s.others(ctx, k, v); err != nil {
		return nil, err
	}
	if err := s.became(ctx, k, body, v); err != nil {
		return nil, err
	}
	s.deadOfDelivery(ctx, v)
	return v, nil
}

func (k kept) view() webhookView {
	v := webhookView{
		ID: k.id.String(), ReceivedAt: k.receivedAt, Source: k.source, Account: k.account, Topic: k.topic, ProviderID: k.providerID,
		Revision: k.revision, Test: k.test, Outcome: k.outcome, Facts: k.facts, Orders: []string{},
	}
	if k.reason != nil {
		v.Reason = *k.reason
	}
	if k.detail != nil {
		v.Detail = *k.detail
	}
	for _, id := range k.orders {
		v.Orders = append(v.Orders, id.String())
	}
	return v
}

// others are what came under the provider's id with another body.
func (s *system) others(ctx context.Context, k kept, v *deliveryView) error {
	found, err := s.keptWhere(ctx, `d.source = $1 AND d.account = $2 AND d.topic = $3 AND d.provider_delivery_id = $4 AND d.body_sha256 <> $5`,
		k.source, k.account, k.topic, k.providerID, k.hash)
	if err != nil {
		return fmt.Errorf("look for other bodies: %w", err)
	}
	for _, o := range found {
		v.Others = append(v.Others, otherView{o.id.String(), o.receivedAt, o.outcome})
	}
	v.Conflict = len(found) > 0
	return nil
}

// deadOfDelivery are the messages of this delivery that a service, or the journal, gave up on.
func (s *system) deadOfDelivery(ctx context.Context, v *deliveryView) {
	if s.NATSURL == "" {
		v.Notes = append(v.Notes, "Dead messages were not looked at: NATS_URL is not set.")
		return
	}
	dead, err := s.deadHolding(ctx, v.causes(), v.ID)
	if err != nil {
		v.Notes = append(v.Notes, "Dead messages could not be looked at: "+err.Error())
	}
	v.Dead = dead
	for i := range v.Parts {
		for _, d := range dead {
			if d.Cause == v.Parts[i].Cause {
				v.Parts[i].Dead = append(v.Parts[i].Dead, d.Number)
			}
		}
		v.Parts[i].settle()
	}
}

func (v *deliveryView) print(p *printer) error {
	p.line("Delivery %s", v.ID)
	p.line("  received   %s UTC", v.ReceivedAt.Format("2006-01-02 15:04:05.000"))
	p.line("  from       %s", v.source())
	p.line("  topic      %s", dash(v.Topic))
	p.line("  their id   %s", v.ProviderID)
	p.line("  outcome    %s%s", plain(v.Outcome), when(v.Revision > 0, fmt.Sprintf(" (reading %d)", v.Revision)))
	if v.Reason != "" {
		p.line("  why        %s", v.Reason+when(v.Detail != "", ": "+v.Detail))
	}
	p.line("  body       %s", when(v.Erased, "erased; ")+when(!v.Erased, count(v.Size, "byte")+"; ")+"sha256 "+v.Hash)
	for _, o := range v.Others {
		p.line("  attention  another body came under the same id: %s at %s UTC (%s)", o.ID, clockTime(o.ReceivedAt), plain(o.Outcome))
	}
	v.printHeaders(p)
	v.printOrders(p)
	v.printFacts(p)
	if len(v.Dead) > 0 {
		rows := make([][]string, len(v.Dead))
		for i, d := range v.Dead {
			rows[i] = []string{strconv.FormatUint(d.Number, 10), clockTime(d.At), d.Service, d.Reason, shortened(firstLine(d.Error), 60)}
		}
		p.rows("Given up ('orderctl dead redrive NUMBER' tries again)", []string{"NUMBER", "AT", "BY", "REASON", "ERROR"}, rows)
	}
	if len(v.Notes) > 0 {
		p.title("Notes")
	}
	for _, note := range v.Notes {
		p.line("  %s", note)
	}
	return p.err
}

func (v *deliveryView) printHeaders(p *printer) {
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
		rows = append(rows, []string{name, v.Headers[name]})
	}
	p.rows("Headers", nil, rows)
}

func (v *deliveryView) printOrders(p *printer) {
	var rows [][]string
	for _, id := range v.Orders {
		name := v.Named[id]
		rows = append(rows, []string{when(name == "", "(nothing of it is recorded)") + name, id})
	}
	p.rows("Orders that it names", nil, rows)
}

func (v *deliveryView) printFacts(p *printer) {
	if len(v.Parts) == 0 {
		return
	}
	p.title("What became of it")
	for _, f := range v.Parts {
		p.line("  %d. %s", f.Number, when(f.Says == "", "a fact")+f.Says)
		for _, e := range f.Events {
			p.line("     recorded as %s (%s %d) at %s UTC, order %s", e.Type, e.Category, e.Version, clockTime(e.RecordedAt), orID(e.Name, e.Entity))
		}
		for _, w := range f.Waits {
			p.line("     %s", w.words())
		}
		for _, number := range f.Dead {
			p.line("     given up: dead message %d", number)
		}
		if f.State == stateStock {
			p.line("     counted: it is in the stock, or says what an item of it is")
		}
		if f.State == stateNothing {
			p.line("     nothing is recorded of it: its service has not come to it, or it told nothing new")
		}
	}
}

func orID(name, id string) string {
	if name == "" {
		return id
	}
	return name
}
