package orderctl

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress/stripe/events"
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
	f.api = cmp.Or(f.api, os.Getenv("STRIPE_API_URL"), events.URL)
	return nil
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
