package orderctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/services/operators"
)

const replayHelp = `Drive deliveries of the journal through the services again: for when the broker has lost what was not handled yet, or
the database had to go back to a backup. Each is the very same delivery, with its id and the time at which it came, so
that what is recorded of it already is passed over and only what was lost has an effect: nothing is paid, shipped or
mailed twice. It may be stopped and run again, over the same range or a larger one.

Say which deliveries: a range of time, a source, both, single ones (--id), or --all. They are sent in the order in which
they came, no faster than the services take them, and only up to the moment at which the command begins.

Not sent are deliveries that say nothing for us, those whose body was erased, and those that are in quarantine: they stay
there, since replay sends what was read when it came. 'orderctl webhooks replay' is the other command, which reads
deliveries anew and sends what is read otherwise today. (What was understood of a delivery that is
in quarantine in part is sent.) A delivery that this version of the program would read otherwise is not sent either, and
told. Settings of the ingress that have a say in a reading (STRIPE_SHOP, ADYEN_CAPTURE …) are those of
a running 'orderctl up', and else read from the environment: set them as they are there.

Exit status 1 says that some could not be sent.`

func replayCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "replay", Short: "Drive deliveries of the journal through the services again, as they were read",
		Annotations: needs(operators.Operator),
		Long:        replayHelp + "\n\n" + timeHelp + "\n\n" + deliveryHelp,
		Example: `  orderctl replay --since 2h                         everything of the last two hours
  orderctl replay --source stripe --since 2026-11-25 --until 2026-11-26
  orderctl replay --id 5f0c2a9e-1b2c --id evt_1PqXyz
  orderctl replay --all --dry-run                    only count what would be sent`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := replayFlags(c)
			if err != nil {
				return err
			}
			return replay(c, w)
		},
	}
	rangeFlags(c)
	c.Flags().String(flagSource, "", "only deliveries of this source: "+strings.Join(sourceNames(), ", "))
	c.Flags().StringSlice("id", nil, "these deliveries; may be given several times")
	c.Flags().Bool("all", false, "everything that the journal holds")
	c.Flags().Bool("dry-run", false, "send nothing, only count what would be sent")
	return c
}

// wanted is what is to be replayed.
type wanted struct {
	ids          []string
	source       string
	since, until time.Time
	dry          bool
}

func replayFlags(c *cobra.Command) (w wanted, err error) {
	flags := c.Flags()
	var all bool
	for _, read := range []func() error{
		func() (err error) { w.ids, err = flags.GetStringSlice("id"); return err },
		func() (err error) { w.source, err = flags.GetString(flagSource); return err },
		func() (err error) { all, err = flags.GetBool("all"); return err },
		func() (err error) { w.dry, err = flags.GetBool("dry-run"); return err },
		func() (err error) { w.since, w.until, err = rangeOf(c); return err },
	} {
		if err := read(); err != nil {
			return w, err
		}
	}
	chosen := 0
	for _, yes := range []bool{len(w.ids) > 0, all, w.source != "" || !w.since.IsZero() || !w.until.IsZero()} {
		if yes {
			chosen++
		}
	}
	if chosen != 1 {
		return w, calledWrongly(c, "which deliveries? Say --since (with --until or --source, if you like), or --id, or --all")
	}
	if w.source != "" && !slices.Contains(sourceNames(), w.source) {
		return w, calledWrongly(c, "--source %q: it is one of %s", w.source, strings.Join(sourceNames(), ", "))
	}
	// What comes from now on is handled anyway.
	if begin := now(c.Context()); w.until.IsZero() || w.until.After(begin) {
		w.until = begin
	}
	return w, nil
}

// replayed is what was done. It is right at every moment, also when it was stopped in the middle.
type replayed struct {
	DryRun bool `json:"dry_run"`
	// Deliveries are all that were looked at: the others are parts of it.
	Deliveries int `json:"deliveries"`
	Sent       int `json:"sent"`
	Facts      int `json:"facts"`
	// Quarantined stay so; SentInPart are those of them whose understood part was sent.
	Quarantined int `json:"quarantined"`
	SentInPart  int `json:"sent_in_part"`
	Nothing     int `json:"nothing_for_us"`
	Erased      int `json:"erased"`
	// Superseded are older readings of deliveries that were read again since.
	Superseded int `json:"superseded"`
	// NotSent could not be sent: they read otherwise today, or cannot be opened.
	NotSent  int       `json:"not_sent"`
	Examples []notSent `json:"not_sent_examples,omitempty"`
	// Through is when the last delivery came that was looked at.
	Through *time.Time `json:"through,omitempty"`
}

// notSent is a delivery that could not be sent.
type notSent struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// examplesMost is how many of those are named.
const examplesMost = 20

func (r *replayed) leave(k kept, why error) {
	r.NotSent++
	if len(r.Examples) < examplesMost {
		r.Examples = append(r.Examples, notSent{k.id.String(), why.Error()})
	}
}

func replay(c *cobra.Command, w wanted) error {
	s, err := open(c)
	if err != nil {
		return err
	}
	defer s.close()
	r := &replayed{DryRun: w.dry}
	run := func(ctx context.Context, out outlet) error {
		p := newProgress(c.ErrOrStderr(), "replay")
		defer p.end()
		return s.replay(ctx, w, out, r, p)
	}
	if w.dry {
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
		return stopped(r, noJournal(err))
	}
	if wantsJSON(c) {
		err = printJSON(c, r)
	} else {
		err = r.print(c.OutOrStdout())
	}
	if err == nil && r.NotSent > 0 {
		return exitStatus{1, ""}
	}
	return err
}

// stopped tells how far a replay came that did not come to its end.
func stopped(r *replayed, err error) error {
	if r.Sent == 0 || r.Through == nil {
		return err
	}
	why := err.Error()
	if errors.Is(err, context.Canceled) {
		why = "interrupted"
	}
	return fmt.Errorf("%s; %s sent, up to what came at %s UTC: run it again, or go on with --since %s",
		why, deliveries(r.Sent), clockTime(*r.Through), r.Through.Format(time.RFC3339Nano))
}

func (r *replayed) print(w io.Writer) error {
	p := &printer{w: w}
	if r.Deliveries == 0 {
		p.line("The journal holds no such delivery; 'orderctl webhooks list' shows what there is.")
		return p.err
	}
	verb := "Sent"
	if r.DryRun {
		verb = "Would send"
	}
	p.line("%s %d of %s, with %s.", verb, r.Sent, deliveries(r.Deliveries), count(r.Facts, "fact"))
	if r.Quarantined > 0 {
		p.line("%s in quarantine and %s so%s; 'orderctl webhooks list --outcome quarantined' shows why.", are(r.Quarantined), verbFor(r.Quarantined, "stay"),
			when(r.SentInPart > 0, fmt.Sprintf(" (%d understood in part: that part was sent)", r.SentInPart)))
	}
	if r.Nothing > 0 {
		p.line("%d %s nothing for us.", r.Nothing, verbFor(r.Nothing, "say"))
	}
	if r.Erased > 0 {
		p.line("%s erased: nobody can read %s again.", are(r.Erased), map[bool]string{true: "it", false: "them"}[r.Erased == 1])
	}
	if r.Superseded > 0 {
		p.line("%s of an older reading: the delivery was read again since.", are(r.Superseded))
	}
	if r.NotSent > 0 {
		p.line("%d could not be sent:", r.NotSent)
		for _, e := range r.Examples {
			p.line("  %s: %s", e.ID, e.Why)
		}
		if more := r.NotSent - len(r.Examples); more > 0 {
			p.line("  and %d more", more)
		}
	}
	if !r.DryRun && r.Sent > 0 {
		p.line("What was recorded of them before is passed over. 'orderctl webhooks show ID' says what became of one.")
	}
	return p.err
}

func deliveries(n int) string {
	if n == 1 {
		return "1 delivery"
	}
	return fmt.Sprintf("%d deliveries", n)
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

func verbFor(n int, verb string) string { return verb + when(n == 1, "s") }
