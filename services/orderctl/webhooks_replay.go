package orderctl

import (
	"context"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/services/operators"
	"github.com/orderflow/orderflow/services/projector/reread"
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
