package orderctl

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/orderctl/load"
)

const loadHelp = `Send signed orders to an ingress at a rate, as their providers would, and report how it answers.

It is an open loop: a delivery is due when the rate says so, however slowly the ones before it are answered, and its
latency counts from then. Deliveries that find every connection busy wait for one; what is still waiting --grace after
the planned end is given up and reported as not sent. With --rate 0 every connection sends as soon as it was answered.

Every delivery is an order of two lines over --skus SKUs (LOAD-0000, LOAD-0001, …), already paid, told in one webhook.
--stock puts pieces of them on the shelves of a running 'orderctl up' first; without it the orders wait for stock.

Whoever takes them takes them for orders: labels are bought for them and mails sent. So send them to a system that is
there for it. Stripe's say that they are a test, and an ingress with INGRESS_MODE=live, which is the default, keeps them in
quarantine and answers 2xx all the same; those of the other sources do not say so.

Without --url it is the ingress of a running 'orderctl up' (--data). Secrets are looked up in the environment, where the
ingress finds them (STRIPE_WEBHOOK_SECRET, STRIPE_WEBHOOK_SECRET_<ACCOUNT> …), and then with a running 'orderctl up
--sandbox'. Ctrl-C ends it and reports what was sent. Exit status 1 says that not everything was sent and accepted.`

const loadExample = `  orderctl load --rate 50 --duration 1m --stock 100000
  orderctl load --phases 10x60s,50x120s --sources stripe:3,shopify --json report.json
  orderctl load --url https://hooks.example.com --rate 0 --connections 256 --duration 10s`

// loadFlags are what load was asked for.
type loadFlags struct {
	url, phases, json        string
	sources                  []string
	rate                     float64
	duration, timeout, grace time.Duration
	connections, skus, most  int
	stock                    int64
	hot                      bool
	seed                     uint64
}

func loadCommand() *cobra.Command {
	f := &loadFlags{}
	c := &cobra.Command{
		Use: "load", Short: "Send signed orders at a rate, and report how they are answered", Long: loadHelp, Example: loadExample,
		Annotations: here("it sends webhooks with secrets of yours"),
		Args:        takesNothing, RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringVar(&f.url, "url", "", "address of the ingress, without /webhooks; the running 'orderctl up' if it is not told")
	c.Flags().Float64Var(&f.rate, "rate", 10, "deliveries a second; 0 is as many as are taken")
	c.Flags().DurationVar(&f.duration, "duration", 30*time.Second, "for how long")
	c.Flags().StringVar(&f.phases, "phases", "", "rates and durations one after the other instead: 10x60s,50x120s")
	c.Flags().StringSliceVar(&f.sources, "sources", []string{"stripe"}, "who sends, with weights: stripe:3,shopify,woocommerce,checkout, or stripe/ACCOUNT")
	c.Flags().IntVar(&f.connections, "connections", 64, "how many deliveries may be under way at once")
	c.Flags().IntVar(&f.most, "orders", 0, "stop after so many orders; 0 is no limit")
	c.Flags().IntVar(&f.skus, "skus", 1000, "how many different SKUs are ordered")
	c.Flags().BoolVar(&f.hot, "hot", false, "have one SKU in every order")
	c.Flags().Int64Var(&f.stock, "stock", 0, "set the stock of every SKU to so many pieces first")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "what tells the orders of one run from another's; 0 is a new one")
	c.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long an answer may take")
	c.Flags().DurationVar(&f.grace, "grace", 10*time.Second, "how long after the planned end late deliveries are still sent")
	c.Flags().StringVar(&f.json, "json", "", `write the report as JSON into this file; "-" prints it instead of the table`)
	return c
}

func (f *loadFlags) run(c *cobra.Command) error {
	o, err := f.options(c)
	if err != nil {
		return err
	}
	if f.stock > 0 {
		if err := f.fill(c, o.Orders); err != nil {
			return err
		}
	}
	bar := newProgress(c.ErrOrStderr(), "deliveries")
	o.Progress = func(sent, planned int) { bar.at(sent, max(planned, sent)) }
	report, err := load.Run(c.Context(), o)
	bar.end()
	if err != nil {
		return err
	}
	if err := f.tell(c.OutOrStdout(), report); err != nil {
		return err
	}
	switch {
	case report.Interrupted:
		return exitStatus{1, "orderctl: interrupted; the report is of what was sent until then"}
	case !report.All.Good():
		return exitStatus{1, fmt.Sprintf("orderctl: of %d deliveries %d were not accepted", report.All.Intended, report.All.Intended-report.All.Accepted)}
	}
	return nil
}

func (f *loadFlags) options(c *cobra.Command) (load.Options, error) {
	if f.connections < 1 || f.skus < 1 || f.most < 0 || f.stock < 0 || f.timeout <= 0 || f.grace < 0 {
		return load.Options{}, calledWrongly(c, "--connections, --skus and --timeout are above zero; --orders, --stock and --grace are not below it")
	}
	phases := []load.Phase{{Rate: f.rate, Duration: f.duration, Most: f.most}}
	if f.phases != "" {
		if c.Flags().Changed("rate") || c.Flags().Changed("duration") || f.most > 0 {
			return load.Options{}, calledWrongly(c, "--phases says rate and duration itself: leave --rate, --duration and --orders out")
		}
		var err error
		if phases, err = load.ParsePhases(f.phases); err != nil {
			return load.Options{}, calledWrongly(c, "%v", err)
		}
	} else if err := phases[0].Check(); err != nil {
		return load.Options{}, calledWrongly(c, "%v", err)
	}
	to, err := f.where(c)
	if err != nil {
		return load.Options{}, err
	}
	targets, err := f.targets(c)
	if err != nil {
		return load.Options{}, err
	}
	seed := f.seed
	if seed == 0 {
		seed = uint64(time.Now().UnixMicro())
	}
	return load.Options{
		URL: to, Targets: targets, Phases: phases, Connections: f.connections, Timeout: f.timeout, Grace: f.grace,
		Orders: load.Orders{Seed: seed, SKUs: f.skus, Hot: f.hot, At: time.Now()},
	}, nil
}

// where is the ingress.
func (f *loadFlags) where(c *cobra.Command) (string, error) {
	if f.url != "" {
		return f.url, nil
	}
	run, err := runOf(c)
	if err != nil {
		return "", fmt.Errorf("which ingress? Give it with --url: %w", err)
	}
	return run.IngressURL, nil
}

func runOf(c *cobra.Command) (Running, error) {
	dir, err := c.Flags().GetString(flagData)
	if err != nil {
		return Running{}, err
	}
	return readRun(dir)
}

// targets reads stripe:3,shopify/eu and looks their secrets up.
func (f *loadFlags) targets(c *cobra.Command) ([]load.Target, error) {
	run, _ := runOf(c) // without one, secrets are in the environment or nowhere
	var targets []load.Target
	for _, part := range f.sources {
		name, weight, weighted := strings.Cut(strings.TrimSpace(part), ":")
		t := load.Target{Weight: 1}
		t.Source, t.Account, _ = strings.Cut(name, "/")
		if weighted {
			n, err := strconv.Atoi(weight)
			if err != nil || n < 1 || n > 1000 {
				return nil, calledWrongly(c, "%q: a weight is a whole number from 1 to 1000, as in stripe:3", part)
			}
			t.Weight = n
		}
		if !slices.Contains(load.Names(), t.Source) {
			return nil, calledWrongly(c, "there are no orders of a source %q: it is one of %s", t.Source, strings.Join(load.Names(), ", "))
		}
		var err error
		if t.Secret, err = loadSecret(t, run); err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func loadSecret(t load.Target, run Running) (string, error) {
	setting := strings.ToUpper(t.Source) + "_WEBHOOK_SECRET"
	if t.Account != "" {
		setting += "_" + strings.ToUpper(t.Account)
	}
	held, err := host.Secret(host.Environ(), setting)
	if err != nil {
		return "", err
	}
	secrets := split(held)
	if len(secrets) == 0 && t.Account == "" {
		secrets = split(run.Secrets[t.Source])
	}
	if len(secrets) == 0 {
		return "", fmt.Errorf("which secret signs for %s? Set %s, or name the folder of a running 'orderctl up --sandbox' with --data", t.Source, setting)
	}
	if err := ingress.SourceByName(t.Source).CheckSecret(secrets[0]); err != nil {
		return "", fmt.Errorf("%s cannot be a secret of %s: %w", setting, t.Source, err)
	}
	return secrets[0], nil
}

// fill sets the stock of every SKU that is ordered.
func (f *loadFlags) fill(c *cobra.Command, o load.Orders) error {
	run, _, err := where(c)
	if err != nil {
		return err
	}
	stock := map[string]int64{}
	for i := range o.SKUs {
		stock[load.SKU(i)] = f.stock
	}
	return shelve(c.Context(), run, stock)
}

// tell prints the report, and writes it for scripts.
func (f *loadFlags) tell(out io.Writer, report load.Report) error {
	if f.json != "" {
		data, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		data = append(data, '\n')
		if f.json == "-" {
			_, err = out.Write(data)
			return err
		}
		if err := os.WriteFile(f.json, data, 0o600); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return printLoad(out, report)
}

func printLoad(out io.Writer, report load.Report) error {
	rows := [][]string{{"PHASE", "INTENDED", "SENT", "2XX", "4XX", "5XX", "OTHER", "ERRORS", "2XX/S", "P50", "P90", "P99", "P99.9", "MAX"}}
	shown := report.Phases
	if len(shown) != 1 {
		shown = append(slices.Clone(shown), report.All)
	}
	for _, r := range shown {
		rows = append(rows, []string{
			r.Name, strconv.Itoa(r.Intended), strconv.Itoa(r.Sent), strconv.Itoa(r.Accepted), strconv.Itoa(r.Refused), strconv.Itoa(r.Failed),
			strconv.Itoa(r.Other), strconv.Itoa(r.Errors), fmt.Sprintf("%.1f", r.PerSecond), millis(r.Latency.P50), millis(r.Latency.P90),
			millis(r.Latency.P99), millis(r.Latency.P999), millis(r.Latency.Max),
		})
	}
	if err := table(out, rows...); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nLatency is from when a delivery was due until it was answered. Seed %d, %s.\n", report.Seed, count(report.Connections, "connection"))
	all := report.All
	if missing := all.Intended - all.Sent; missing > 0 {
		fmt.Fprintf(out, "%d of them were due and never sent: every connection was busy. The rate is above what is taken, or --connections too few.\n", missing)
	}
	for _, reason := range slices.Sorted(maps.Keys(all.Reasons)) {
		fmt.Fprintf(out, "%d without an answer: %s\n", all.Reasons[reason], visible(reason))
	}
	for _, status := range slices.Sorted(maps.Keys(all.Statuses)) {
		if !strings.HasPrefix(status, "2") {
			fmt.Fprintf(out, "%d answered %s%s\n", all.Statuses[status], status, when(status == "401", ": the secret is not the one that the ingress has"))
		}
	}
	return nil
}

// millis is a number of milliseconds as people read it.
func millis(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}
