package orderctl

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/orderctl/demo"
	"github.com/orderflow/orderflow/services/orderctl/local"
)

// demoSettings are in force under --demo unless the environment says otherwise: without the pauses that a person wants
// and with a carrier that scans at once, so that the table shows the machine and not the waiting.
var demoSettings = map[string]string{
	"FULFILLMENT_SETTLE_DELAY": "0s", "SANDBOX_SCAN_AFTER": "50ms", "SANDBOX_SCAN_EVERY": "50ms",
}

// runDemo tells the stories to the running services and shows what became of them.
func (f *upFlags) runDemo(ctx context.Context, ground *local.Ground, run Running, out io.Writer) error {
	stories := demo.Tell(f.demo, time.Now(), uint64(os.Getpid())) //nolint:gosec // positive
	if err := fillShelves(ctx, ground, demo.Stock(f.demo)); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nSending the webhooks of %d orders, as Stripe, Shopify, WooCommerce and a checkout would.\n", len(stories))
	bar := newProgress(os.Stderr, "orders sent")
	sender := &demo.Sender{IngressURL: run.IngressURL, Secrets: run.Secrets}
	sent, err := sender.Send(ctx, stories, func(done int) { bar.at(done, len(stories)) })
	bar.end()
	if err != nil {
		return err
	}
	pool, err := host.OpenPool(ctx, run.DatabaseURL, "orderctl", 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	bar = newProgress(os.Stderr, "orders ended")
	outcomes, err := demo.Watch(ctx, pool, sent, f.stay, func(done int) { bar.at(done, len(stories)) })
	bar.end()
	if err != nil {
		return err
	}
	return show(out, demo.Make(outcomes))
}

// worstShown is how many stories are named that went wrong.
const worstShown = 10

func show(out io.Writer, r demo.Report) error {
	fmt.Fprintln(out)
	if err := table(out, r.Table()...); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if len(r.Wrong) == 0 {
		fmt.Fprintln(out, "Every order ended as it should.")
		return nil
	}
	for i, w := range r.Wrong {
		if i == worstShown {
			fmt.Fprintf(out, "… and %d more\n", len(r.Wrong)-worstShown)
			break
		}
		fmt.Fprintf(out, "%s %s (%s): %s\n", w.Source, w.Number, w.Story, w.Why)
	}
	return exitStatus{1, fmt.Sprintf("%d orders did not end as they should: orderctl order why %s says what one of them waits for", len(r.Wrong), r.Wrong[0].Order)}
}
