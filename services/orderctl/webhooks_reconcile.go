package orderctl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

const webhooksReconcileHelp = `Ask a provider what it has sent, and name what is not in the journal: webhooks that were lost on their way, that were
refused for a wrong secret, or for which no endpoint was set up. Stripe is asked with its events API, which keeps 30
days; STRIPE_API_KEY is the key of the account (a restricted one that may read events will do).

What is named are events that would tell something of an order; those that mean nothing for us are counted, and named
with --all. With --fetch what is missing is taken in, as if it had come now: the events API returns what the webhook
holds. Should the webhook come after all, it is another telling of the same, and does no harm.

Exit status 1 says that something was missing, and is still.`

// reconciling is what the flags say.
type reconciling struct {
	source, account, api string
	since, until         time.Time
	failed, all, fetch   bool
}

func webhooksReconcileCommand() *cobra.Command {
	var f reconciling
	c := &cobra.Command{
		Use: "reconcile --source stripe", Short: "Name what a provider says it sent and we never got",
		Annotations: here("it asks the provider with a key of yours (STRIPE_API_KEY)"),
		Long:        webhooksReconcileHelp + "\n\n" + timeHelp,
		Example: `  orderctl webhooks reconcile --source stripe
  orderctl webhooks reconcile --source stripe --account jp --since 7d --failed
  orderctl webhooks reconcile --source stripe --since 2026-11-25 --until 2026-11-26 --fetch`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := reconcileFlags(c, &f); err != nil {
				return err
			}
			return reconcile(c, f)
		},
	}
	rangeFlags(c)
	c.Flags().StringVar(&f.source, flagSource, "", "whom to ask: stripe")
	c.Flags().StringVar(&f.account, "account", defaultAccount, "our name of the account, as in the path of its webhooks")
	c.Flags().StringVar(&f.api, "api", "", "where the provider's API is; STRIPE_API_URL if it is not told, or else Stripe's own")
	c.Flags().BoolVar(&f.failed, "failed", false, "only events of which the provider itself says that not every endpoint has got them")
	c.Flags().BoolVar(&f.all, "all", false, "name events too that mean nothing for us")
	c.Flags().BoolVar(&f.fetch, "fetch", false, "take in what is missing")
	return c
}

const (
	// reconcileSince is how far back it is looked without --since.
	reconcileSince = 24 * time.Hour
	// underway is how long a webhook may be on its way, or stand before the journal.
	underway = time.Minute
)

func reconcileFlags(c *cobra.Command, f *reconciling) (err error) {
	if f.source != "stripe" {
		return calledWrongly(c, "--source %q: only stripe can be asked what it has sent", f.source)
	}
	if f.since, f.until, err = rangeOf(c); err != nil {
		return err
	}
	begin := now(c.Context())
	if f.since.IsZero() {
		f.since = begin.Add(-reconcileSince)
	}
	if latest := begin.Add(-underway); f.until.IsZero() || f.until.After(latest) {
		f.until = latest
	}
	f.api = cmp.Or(f.api, os.Getenv("STRIPE_API_URL"), stripe.APIURL)
	return nil
}

// reconciled is what was found.
type reconciled struct {
	Source  string    `json:"source"`
	Account string    `json:"account"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	// Sent are all that the provider names, Kept those of them that the journal has.
	Sent int `json:"sent"`
	Kept int `json:"kept"`
	// Nothing are missing and mean nothing for us.
	Nothing int           `json:"missing_nothing_for_us"`
	Missing []missingView `json:"missing"`
	Fetched int           `json:"fetched"`
}

// missingView is an event that we never got.
type missingView struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"created_at"`
	Test      bool      `json:"test"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	Says      []string  `json:"says,omitempty"`
}

// sentEvent is an event as the provider returns it.
type sentEvent struct {
	ID      string
	Type    string
	Created int64
	Body    []byte
}

// UnmarshalJSON keeps the event as it stands: that is what a webhook holds.
func (e *sentEvent) UnmarshalJSON(data []byte) error {
	var head struct {
		ID      string `json:"id"`
		Type    string `json:"type"`
		Created int64  `json:"created"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	*e = sentEvent{head.ID, head.Type, head.Created, append([]byte{}, data...)}
	return nil
}

// sentPage is a page of them.
type sentPage struct {
	stripe.APIResource
	stripe.ListMeta

	Data []*sentEvent `json:"data"`
}

// GetListMeta is what stripe-go turns pages by.
func (p *sentPage) GetListMeta() *stripe.ListMeta { return &p.ListMeta }

// sentPageMost is the most that Stripe puts on a page.
const sentPageMost = 100

// sentByStripe lists events, newest first, as Stripe does.
func sentByStripe(ctx context.Context, f reconciling, key string, each func(*sentEvent) error) error {
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(f.api), HTTPClient: &http.Client{Timeout: 30 * time.Second}, LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		EnableTelemetry: stripe.Bool(false),
	})
	params := &stripe.EventListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: f.since.Unix(), LesserThan: f.until.Unix()}}
	params.Context, params.Limit = ctx, stripe.Int64(sentPageMost)
	if f.failed {
		params.DeliverySuccess = stripe.Bool(false)
	}
	events := stripe.GetIter(params, func(p *stripe.Params, query *form.Values) ([]any, stripe.ListContainer, error) {
		page := &sentPage{}
		err := backend.CallRaw(http.MethodGet, "/v1/events", key, query, p, page)
		items := make([]any, len(page.Data))
		for i, e := range page.Data {
			items[i] = e
		}
		return items, page, err
	})
	for events.Next() {
		e, ok := events.Current().(*sentEvent)
		if !ok {
			return errors.New("stripe returned something that is no event")
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return stripeError(events.Err())
}

// stripeError says it in our words: Stripe's own may repeat a part of the key.
func stripeError(err error) error {
	var told *stripe.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &told):
		return fmt.Errorf("ask Stripe what it has sent: %w", err)
	case told.HTTPStatusCode == http.StatusUnauthorized:
		return errors.New("stripe does not take STRIPE_API_KEY")
	case told.HTTPStatusCode == http.StatusForbidden:
		return errors.New("stripe does not let STRIPE_API_KEY read events")
	}
	return fmt.Errorf("stripe answered %d %s (request %s)", told.HTTPStatusCode, told.Code, told.RequestID)
}

func reconcile(c *cobra.Command, f reconciling) error {
	key, err := host.Secret(host.Environ(), "STRIPE_API_KEY")
	if err != nil {
		return err
	}
	if key == "" {
		return calledWrongly(c, "which account of Stripe's? Set STRIPE_API_KEY")
	}
	s, err := open(c)
	if err != nil {
		return err
	}
	defer s.close()
	done := &reconciled{Source: f.source, Account: f.account, Since: f.since.UTC(), Until: f.until.UTC(), Missing: []missingView{}}
	run := func(ctx context.Context, out outlet) error {
		job := &reconciler{s: s, flags: f, out: out, done: done, settings: s.readingSettings(), now: now(c.Context())}
		return job.run(ctx, key)
	}
	if !f.fetch {
		err = run(c.Context(), nowhere{})
	} else {
		err = broker(c.Context(), s.Running, func(ctx context.Context, js jetstream.JetStream) error {
			out, err := newIntake(ctx, js, c.ErrOrStderr())
			if err != nil {
				return err
			}
			return run(ctx, out)
		})
	}
	if err != nil {
		return noJournal(err)
	}
	if wantsJSON(c) {
		err = printJSON(c, done)
	} else {
		err = done.print(c.OutOrStdout())
	}
	if err == nil && done.lost() > 0 && !f.fetch {
		return exitStatus{1, ""}
	}
	return err
}

// lost are those that mean something.
func (r *reconciled) lost() (n int) {
	for _, m := range r.Missing {
		if m.Outcome != outcomeNothing {
			n++
		}
	}
	return n
}

// reconciler is one run.
type reconciler struct {
	s        *system
	flags    reconciling
	out      outlet
	done     *reconciled
	settings map[string]string
	now      time.Time
}

func (j *reconciler) run(ctx context.Context, key string) error {
	var some []*sentEvent
	err := sentByStripe(ctx, j.flags, key, func(e *sentEvent) error {
		if some = append(some, e); len(some) < sentPageMost {
			return nil
		}
		err := j.look(ctx, some)
		some = nil
		return err
	})
	if err != nil {
		return err
	}
	return j.look(ctx, some)
}

// look compares some events with the journal.
func (j *reconciler) look(ctx context.Context, events []*sentEvent) error {
	kept, err := j.kept(ctx, events)
	if err != nil {
		return err
	}
	var messages []*nats.Msg
	for _, e := range events {
		j.done.Sent++
		if kept[e.ID] {
			j.done.Kept++
			continue
		}
		m, err := j.missing(e)
		if err != nil {
			return err
		}
		if m != nil {
			messages = append(messages, m)
		}
	}
	if j.flags.fetch {
		if err := j.out.publish(ctx, messages); err != nil {
			return err
		}
		j.done.Fetched += len(messages)
	}
	return nil
}

// kept are the events that the journal has.
func (j *reconciler) kept(ctx context.Context, events []*sentEvent) (map[string]bool, error) {
	ids, topics := make([]string, len(events)), make([]string, len(events))
	for i, e := range events {
		ids[i], topics[i] = e.ID, e.Type
	}
	rows, err := j.s.pool.Query(ctx, `SELECT DISTINCT provider_delivery_id FROM journal.deliveries
		WHERE source = $1 AND account = $2 AND topic = ANY($3) AND provider_delivery_id = ANY($4)`, j.flags.source, j.flags.account, topics, ids)
	if err != nil {
		return nil, fmt.Errorf("look for events in the journal: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for events in the journal: %w", err)
	}
	kept := map[string]bool{}
	for _, id := range found {
		kept[id] = true
	}
	return kept, nil
}

// missing notes an event that we never got, and makes the delivery of it; nil if it means nothing for us.
func (j *reconciler) missing(e *sentEvent) (*nats.Msg, error) {
	d, err := ingress.Fetched(j.settings, j.flags.source, j.flags.account, source.Request{
		URL: strings.TrimSuffix(j.flags.api, "/") + "/v1/events", Header: http.Header{}, Body: e.Body, ReceivedAt: j.now.Truncate(time.Microsecond),
	}, largestMessage)
	if err != nil {
		return nil, err
	}
	m := missingView{
		ID: e.ID, Type: e.Type, CreatedAt: time.Unix(e.Created, 0).UTC(), Test: d.GetTest(), Outcome: outcomeOf(d), Reason: d.GetQuarantine().GetReason(),
	}
	for _, f := range d.GetFacts() {
		m.Says = append(m.Says, factWords(f))
	}
	if m.Outcome == outcomeNothing || m.Reason == source.UnknownTopic && len(d.GetFacts()) == 0 {
		m.Outcome = outcomeNothing
		j.done.Nothing++
		if j.flags.all {
			j.done.Missing = append(j.done.Missing, m)
		}
		return nil, nil //nolint:nilnil // nothing in it for any service
	}
	j.done.Missing = append(j.done.Missing, m)
	return arriving(d)
}

// arriving is a delivery as the ingress publishes it.
func arriving(d *intakev1.Delivery) (*nats.Msg, error) {
	data, err := proto.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w", asUUID(d.GetId()), err)
	}
	return &nats.Msg{Subject: bus.IntakeSubject(d), Data: data, Header: nats.Header{nats.MsgIdHdr: []string{ident.Delivery(d.GetId()).String()}}}, nil
}

func (r *reconciled) print(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s says it sent %s from %s to %s UTC. We have %d of them.", r.Source, count(r.Sent, "event"), clockTime(r.Since), clockTime(r.Until), r.Kept)
	if r.Nothing > 0 {
		p.line("%d of those that we have not %s nothing for us.", r.Nothing, verbFor(r.Nothing, "mean"))
	}
	if len(r.Missing) == 0 {
		p.line("Nothing is missing.")
		return p.err
	}
	rows := [][]string{{"ID", "CREATED (UTC)", "TYPE", "SAYS"}}
	for _, m := range r.Missing {
		says := strings.Join(m.Says, "; ")
		if m.Outcome == outcomeQuarantined {
			says = "quarantined (" + m.Reason + ")" + when(says != "", ": ") + says
		}
		rows = append(rows, []string{m.ID, clockTime(m.CreatedAt), m.Type, shortened(says, 80)})
	}
	if p.err == nil {
		p.err = table(w, rows...)
	}
	if r.Fetched > 0 {
		p.line("%d %s taken in. 'orderctl webhooks show ID' says what became of one.", r.Fetched, map[bool]string{true: "was", false: "were"}[r.Fetched == 1])
	} else if n := r.lost(); n > 0 {
		p.line("%d %s missing; --fetch takes %s in.", n, map[bool]string{true: "is", false: "are"}[n == 1], map[bool]string{true: "it", false: "them"}[n == 1])
	}
	return p.err
}
