package orderctl

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/operators"
	"github.com/orderflow/orderflow/services/projector/reread"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

const webhooksReplayHelp = `Read deliveries of the journal anew, with the normalisers of this program, and send what is read otherwise today: after a
normaliser was mended, or a setting that has a say in a reading (STRIPE_SHOP, ADYEN_CAPTURE, INGRESS_MODE …), which are
those of a running 'orderctl up', and else read from the environment: set them as the ingress has them. 'orderctl replay'
is the other command: it sends what was read when deliveries came, unchanged, for when that was lost.

Without anything else it is everything in quarantine. What is sent is the same delivery at a higher revision. What it
says of an order takes the place of what the earlier reading said there; what both say is passed over. So it does no
harm to run it twice: the second time everything reads as it did.

Not sent, and told, is a delivery whose earlier reading recorded something of which the new one says nothing: that would
stay beside it. Look at the order, put it right, and leave the delivery as it is. What was done because of a wrong
reading, a mail or a label, is not undone.

After an upgrade the projector does this by itself, once, for what older builds had put into quarantine.

Exit status 1 says that some were not sent that read otherwise, or could not be read.`

func webhooksReplayCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "replay", Short: "Read deliveries anew, and send what is read otherwise today",
		Annotations: needs(operators.Operator),
		Long:        webhooksReplayHelp + "\n\n" + timeHelp + "\n\n" + deliveryHelp,
		Example: `  orderctl webhooks replay --dry-run                        what would change of all that is in quarantine
  orderctl webhooks replay --source shopify --reason bad_value --since 2d
  orderctl webhooks replay --id 5f0c2a9e-1b2c --id evt_1PqXyz
  orderctl webhooks replay --source stripe --outcome accepted --since 2026-11-25 --until 2026-11-26`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := rereadFlags(c)
			if err != nil {
				return err
			}
			return webhooksReplay(c, w)
		},
	}
	rangeFlags(c)
	c.Flags().String(flagSource, "", "only deliveries of this source: "+strings.Join(sourceNames(), ", "))
	c.Flags().String("outcome", outcomeQuarantined, "only deliveries with this outcome: "+strings.Join(webhookOutcomes, ", ")+", or all")
	c.Flags().String("reason", "", "only deliveries that were quarantined for this `REASON`: bad_value, missing_field, unknown_topic …")
	c.Flags().StringSlice("id", nil, "these deliveries, whatever their outcome; may be given several times")
	c.Flags().Bool("dry-run", false, "send nothing, show what would change")
	completes(c.Flags(), "outcome", append([]string{outcomeAll}, webhookOutcomes...)...)
	return c
}

const outcomeAll = "all"

// rereading is what is to be read anew.
type rereading struct {
	reread.Filter

	names []string
	dry   bool
}

func rereadFlags(c *cobra.Command) (w rereading, err error) {
	flags := c.Flags()
	for _, read := range []func() error{
		func() (err error) { w.names, err = flags.GetStringSlice("id"); return err },
		func() (err error) { w.Source, err = flags.GetString(flagSource); return err },
		func() (err error) { w.Outcome, err = flags.GetString("outcome"); return err },
		func() (err error) { w.Reason, err = flags.GetString("reason"); return err },
		func() (err error) { w.dry, err = flags.GetBool("dry-run"); return err },
		func() (err error) { w.Since, w.Until, err = rangeOf(c); return err },
	} {
		if err := read(); err != nil {
			return w, err
		}
	}
	switch {
	case len(w.names) > 0 && (w.Source != "" || w.Reason != "" || flags.Changed("outcome") || flags.Changed("since") || flags.Changed("until")):
		return w, calledWrongly(c, "--id says which deliveries; leave out everything else")
	case w.Source != "" && !slices.Contains(sourceNames(), w.Source):
		return w, calledWrongly(c, "--source %q: it is one of %s", w.Source, strings.Join(sourceNames(), ", "))
	case w.Outcome != outcomeAll && !slices.Contains(webhookOutcomes, w.Outcome):
		return w, calledWrongly(c, "%q is no outcome: %s, or all", w.Outcome, strings.Join(webhookOutcomes, ", "))
	case w.Reason != "" && w.Outcome != outcomeQuarantined:
		return w, calledWrongly(c, "only what is quarantined has a --reason")
	}
	if w.Outcome == outcomeAll || len(w.names) > 0 {
		w.Outcome = ""
	}
	if begin := now(c.Context()); w.Until.IsZero() || w.Until.After(begin) {
		w.Until = begin // what comes from now on is read by whoever takes it
	}
	return w, nil
}

// rereadDone is what was done. It is right at every moment, also when it was stopped in the middle.
type rereadDone struct {
	DryRun bool `json:"dry_run"`
	// Deliveries are all that were looked at: the others are parts of it.
	Deliveries int `json:"deliveries"`
	Changed    int `json:"changed"`
	Facts      int `json:"facts"`
	Same       int `json:"same"`
	Erased     int `json:"erased"`
	// NotSent read otherwise and could not be sent, or could not be read.
	NotSent  int          `json:"not_sent"`
	Examples []notSent    `json:"not_sent_examples,omitempty"`
	Changes  []changeView `json:"changes,omitempty"`
	Through  *time.Time   `json:"through,omitempty"`
	// Sources are those that were sent, by source.
	Sources map[string]int `json:"changed_by_source,omitempty"`
}

// changeView is what changes in one delivery.
type changeView struct {
	ID         string      `json:"id"`
	Source     string      `json:"source"`
	Topic      string      `json:"topic"`
	ProviderID string      `json:"provider_delivery_id"`
	Revision   uint32      `json:"revision"`
	Before     readingView `json:"before"`
	After      readingView `json:"after"`
}

// readingView is what a reading comes to.
type readingView struct {
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Facts   int    `json:"facts"`
	// Says is what the facts say; of an earlier reading, which is not kept, the events that it led to.
	Says []string `json:"says,omitempty"`
}

func (r readingView) words() string {
	return r.Outcome + when(r.Reason != "", " ("+r.Reason+": "+r.Detail+")") + ", " + count(r.Facts, "fact")
}

func webhooksReplay(c *cobra.Command, w rereading) error {
	s, err := open(c)
	if err != nil {
		return err
	}
	defer s.close()
	done := &rereadDone{DryRun: w.dry, Sources: map[string]int{}}
	err = broker(c.Context(), s.Running, func(ctx context.Context, js jetstream.JetStream) error {
		var out outlet = nowhere{}
		if !w.dry {
			if out, err = newIntake(ctx, js, c.ErrOrStderr()); err != nil {
				return err
			}
		}
		p := newProgress(c.ErrOrStderr(), "webhooks replay")
		defer p.end()
		job := &rereader{s: s, out: out, done: done, progress: p, reader: s.rereader(js.Conn().MaxPayload() - messageRoom)}
		return job.run(ctx, w)
	})
	if err != nil {
		return stopped(&replayed{Sent: done.Changed, Through: done.Through}, noJournal(err))
	}
	if wantsJSON(c) {
		err = printJSON(c, done)
	} else {
		err = done.print(c.OutOrStdout())
	}
	if err == nil && done.NotSent > 0 {
		return exitStatus{1, ""}
	}
	return err
}

func (s *system) rereader(most int64) *reread.Rereader {
	settings := s.readingSettings()
	return &reread.Rereader{
		Journal: reread.Journal{Pool: s.pool, Vault: s.vault}, Store: s.store,
		Read: func(k *intakev1.Delivery) (*intakev1.Delivery, error) { return ingress.Reread(settings, k, most) },
	}
}

// rereader is one run.
type rereader struct {
	s        *system
	reader   *reread.Rereader
	out      outlet
	done     *rereadDone
	progress *progress
}

// rereadPage is how many deliveries are read and sent at a time.
const rereadPage = 200

func (j *rereader) run(ctx context.Context, w rereading) error {
	if len(w.names) > 0 {
		ids, err := j.named(ctx, w.names)
		if err != nil {
			return err
		}
		w.IDs = ids
	}
	total, err := j.reader.Count(ctx, w.Filter)
	if err != nil {
		return err
	}
	var after reread.Position
	for {
		page, err := j.reader.Page(ctx, w.Filter, after, rereadPage)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := j.page(ctx, page); err != nil {
			return err
		}
		after = page[len(page)-1].At()
		j.progress.at(j.done.Deliveries, total)
	}
}

// named looks all of them up first, so that a wrong name sends nothing.
func (j *rereader) named(ctx context.Context, names []string) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	for _, name := range names {
		k, err := j.s.delivery(ctx, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, uuid.UUID(k.id))
	}
	return ids, nil
}

// page reads some and sends what has changed. It counts when it is sent: not before.
func (j *rereader) page(ctx context.Context, page []reread.Kept) error {
	counted := *j.done
	var messages []*nats.Msg
	changed := map[string]int{}
	for _, k := range page {
		r, err := j.reader.Again(ctx, k)
		if err != nil {
			return err
		}
		counted.Deliveries++
		switch r.Result {
		case reread.Same:
			counted.Same++
		case reread.Erased:
			counted.Erased++
		case reread.Failed, reread.Leaves:
			counted.NotSent++
			if len(counted.Examples) < examplesMost {
				counted.Examples = append(counted.Examples, notSent{k.ID().String(), r.Why})
			}
		case reread.Changed:
			m, err := reread.Message(r.Now)
			if err != nil {
				return err
			}
			messages = append(messages, m)
			change, err := j.change(ctx, k, r.Now)
			if err != nil {
				return err
			}
			counted.Changed++
			counted.Facts += change.After.Facts
			counted.Changes = append(counted.Changes, change)
			changed[k.GetSource()]++
		}
	}
	if err := j.out.publish(ctx, messages); err != nil {
		return err
	}
	for source, n := range changed {
		counted.Sources[source] += n
	}
	through := page[len(page)-1].GetReceivedAt().AsTime()
	counted.Through = &through
	if !counted.DryRun {
		counted.Changes = nil // they stand in the journal
	}
	*j.done = counted
	return nil
}

// change tells a reading beside the one before it.
func (j *rereader) change(ctx context.Context, k reread.Kept, d *intakev1.Delivery) (changeView, error) {
	v := changeView{ID: k.ID().String(), Source: k.GetSource(), Topic: d.GetTopic(), ProviderID: d.GetDeliveryId(), Revision: d.GetRevision()}
	v.Before = readingView{Outcome: k.Outcome, Reason: k.GetQuarantine().GetReason(), Detail: k.GetQuarantine().GetDetail(), Facts: k.Facts}
	v.After = readingView{Outcome: outcomeOf(d), Reason: d.GetQuarantine().GetReason(), Detail: d.GetQuarantine().GetDetail()}
	for _, f := range d.GetFacts() {
		if f.GetBody() != nil { // else it keeps the place of one that stood there
			v.After.Facts++
			v.After.Says = append(v.After.Says, factWords(f))
		}
	}
	if !j.done.DryRun || k.Facts == 0 {
		return v, nil
	}
	before, err := j.s.delivery(ctx, k.ID().String())
	if err != nil {
		return v, err
	}
	was := &deliveryView{}
	for n, cause := range causesOf(ident.Delivery(k.GetId()), k.Facts, k.GetRevision()) {
		was.Parts = append(was.Parts, factView{Number: n + 1, Cause: cause.String()})
	}
	if err := j.s.recorded(ctx, before, d.GetFacts(), was); err != nil {
		return v, err
	}
	for _, part := range was.Parts {
		for _, e := range part.Events {
			v.Before.Says = append(v.Before.Says, fmt.Sprintf("%s (%s %d), order %s", e.Type, e.Category, e.Version, orID(e.Name, e.Entity)))
		}
	}
	return v, nil
}

// outcomeOf is what the journal will call a delivery.
func outcomeOf(d *intakev1.Delivery) string {
	switch {
	case d.GetQuarantine() != nil:
		return outcomeQuarantined
	case len(d.GetFacts()) == 0:
		return outcomeNothing
	}
	return outcomeAccepted
}

// changesMost is how many changes are shown; --json has all.
const changesMost = 100

func (r *rereadDone) print(w io.Writer) error {
	p := &printer{w: w}
	if r.Deliveries == 0 {
		p.line("The journal holds no such delivery; 'orderctl webhooks list' shows what there is.")
		return p.err
	}
	for _, c := range r.Changes[:min(len(r.Changes), changesMost)] {
		p.line("%s  %s %s %s, revision %d", c.ID, c.Source, c.Topic, shortened(c.ProviderID, 40), c.Revision)
		p.line("  before: %s", c.Before.words())
		for _, says := range c.Before.Says {
			p.line("    recorded as %s", says)
		}
		p.line("  after:  %s", c.After.words())
		for _, says := range c.After.Says {
			p.line("    %s", says)
		}
	}
	if more := len(r.Changes) - changesMost; more > 0 {
		p.line("and %d more; --json shows all", more)
	}
	verb := "Sent"
	if r.DryRun {
		verb = "Would send"
	}
	p.line("%s %d of %s anew, with %s. %d %s as before.", verb, r.Changed, deliveries(r.Deliveries), count(r.Facts, "fact"), r.Same, verbFor(r.Same, "read"))
	if r.Erased > 0 {
		p.line("%s erased: nobody can read %s again.", are(r.Erased), map[bool]string{true: "it", false: "them"}[r.Erased == 1])
	}
	if r.NotSent > 0 {
		p.line("%d %s not sent:", r.NotSent, map[bool]string{true: "was", false: "were"}[r.NotSent == 1])
		for _, e := range r.Examples {
			p.line("  %s: %s", e.ID, e.Why)
		}
		if more := r.NotSent - len(r.Examples); more > 0 {
			p.line("  and %d more", more)
		}
	}
	if !r.DryRun && r.Changed > 0 {
		p.line("'orderctl webhooks show ID' says what became of one.")
	}
	return p.err
}
