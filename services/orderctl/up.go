package orderctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/orderctl/local"
)

const upHelp = `Run every service in this process, on an embedded NATS server with JetStream on disk and a private Postgres.
Nothing has to be installed or started before. What happened is kept in --data; a second start goes on from there.

DATABASE_URL and NATS_URL, if set, name servers that are to be used instead.

With --sandbox the outside is played by servers in this process that speak real wire formats: a carrier that sells
labels and posts signed tracking webhooks, and a mailbox. Webhook secrets are made at the first start and printed; test
deliveries are accepted; a few SKUs have stock; an order without an address is shipped all the same.

What the environment sets stands: a secret of yours or its file (STRIPE_WEBHOOK_SECRET_FILE), INGRESS_SOURCES. With a
certificate (INGRESS_TLS_CERT) the sandbox has to trust it, too: SSL_CERT_FILE names it if nobody known signed it.

Without --sandbox the secrets of your sources (STRIPE_WEBHOOK_SECRET, …), CARRIER_URL and SMTP_URL have to be set:
'orderctl settings' lists everything.`

const upExample = `  orderctl up --sandbox                          until Ctrl-C; send your own orders with curl
  orderctl up --sandbox --demo 200 --exit        200 orders from four sources, a table, and the end`

// upFlags are what up was asked for.
type upFlags struct {
	local.Options
	demo int
	exit bool
	stay time.Duration
}

func upCommand() *cobra.Command {
	f := &upFlags{}
	c := &cobra.Command{
		Use: "up", Short: "Run every service in this process", Long: upHelp, Example: upExample, Args: takesNothing,
		Annotations: here("it runs everything on your machine"),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.demo < 0 || f.exit && f.demo == 0 || f.demo > 0 && !f.Sandbox {
				return calledWrongly(c, "--demo takes a number of orders and needs --sandbox; --exit needs --demo")
			}
			return f.run(c)
		},
	}
	c.Flags().StringVar(&f.Listen, "listen", "127.0.0.1:8080", "address of the ingress; :0 picks a port")
	c.Flags().StringVar(&f.AdminListen, "admin-listen", "127.0.0.1:9090", "address of probes and metrics")
	c.Flags().StringVar(&f.MailboxListen, "mailbox-listen", "127.0.0.1:8025", "address of the sandbox's mailbox and carrier")
	c.Flags().BoolVar(&f.Sandbox, "sandbox", false, "play the outside too: carrier, mailbox")
	c.Flags().IntVar(&f.demo, "demo", 0, "send this many orders' worth of signed webhooks from all sources, and show what became of them")
	c.Flags().BoolVar(&f.exit, "exit", false, "leave when the demo has ended; non-zero if an order did not end as it should")
	c.Flags().DurationVar(&f.stay, "demo-timeout", 5*time.Minute, "how long the demo's orders may take to end")
	return c
}

func (f *upFlags) run(c *cobra.Command) error {
	dir, err := c.Flags().GetString(flagData)
	if err != nil {
		return err
	}
	out := zerolog.SyncWriter(c.OutOrStdout()) // several print at the same time
	f.Dir, f.Say, f.Environ = dir, func(line string) { fmt.Fprintln(out, line) }, host.Environ()
	f.Moved = func(name string) bool { return c.Flags().Changed(name) }
	if f.demo > 0 {
		f.Environ = withDefaults(f.Environ, demoSettings)
	}
	for {
		err := f.once(c.Context(), out)
		if !errors.Is(err, errAgain) || f.demo > 0 {
			return err
		}
	}
}

// errAgain says that everything has to be started again.
var errAgain error = exitStatus{1, "orderctl: the disk was full; another start with the same --data goes on from here"}

// once prepares the ground and serves on it until it is stopped.
func (f *upFlags) once(ctx context.Context, out io.Writer) error {
	ground, err := local.Prepare(ctx, f.Options)
	if err != nil {
		return err
	}
	defer ground.Close()
	if err := provision(ctx, ground); err != nil {
		return err
	}
	return f.serve(ctx, ground, out)
}

// errInterrupted is what a person gets who did not wait for what was asked for.
var errInterrupted error = exitStatus{1, "orderctl: interrupted before it was done; another start with the same --data goes on from here"}

// serve runs the services and, beside them, what was asked for once they are ready.
func (f *upFlags) serve(asked context.Context, ground *local.Ground, out io.Writer) error {
	ctx, stop := context.WithCancel(asked)
	defer stop()
	var beside sync.WaitGroup
	var failure error
	var again atomic.Bool
	options := ground.HostOptions()
	options.Ready = func() {
		beside.Go(func() {
			failure = f.whenReady(ctx, ground, out)
			if failure != nil && ctx.Err() != nil {
				failure = errInterrupted
			}
			if failure != nil || f.exit {
				stop()
			}
		})
	}
	beside.Go(func() {
		select {
		case <-ctx.Done():
		case <-ground.Again():
			again.Store(true)
			stop()
		}
	})
	told := context.AfterFunc(asked, func() { fmt.Fprintln(out, "Stopping: what is in hand is finished first. Ctrl-C again stops at once.") })
	defer told()
	err := host.Run(ctx, f.services(), options)
	stop()
	beside.Wait()
	ground.Forget()
	if again.Load() {
		return errAgain
	}
	if err != nil && failure != nil && !errors.Is(failure, errInterrupted) {
		fmt.Fprintln(os.Stderr, failure)
	}
	if err != nil {
		return err
	}
	return failure
}

// services are all of them; without --sandbox the outside is real.
func (f *upFlags) services() []host.Service {
	var services []host.Service
	for _, s := range Services() {
		if s.Name != "sandbox" || f.Sandbox {
			services = append(services, s)
		}
	}
	return services
}

func (f *upFlags) whenReady(ctx context.Context, ground *local.Ground, out io.Writer) error {
	run := Running{
		IngressURL: ground.URL("ingress"), AdminURL: ground.URL("admin"), DatabaseURL: ground.DatabaseURL, NATSURL: ground.NATSURL, NATS: ground.NATSAccess,
		PID: os.Getpid(), Secrets: ground.Secrets(), Deadlines: deadlinesIn(ground.HostOptions().Environ), Reading: ingress.ReadingSettings(ground.HostOptions().Environ),
	}
	if f.Sandbox {
		run.MailboxURL = ground.URL("sandbox")
	}
	if f.Sandbox {
		if err := stockSandbox(ctx, ground); err != nil {
			return err
		}
	}
	if err := ground.Remember(run); err != nil {
		return err
	}
	if err := announce(out, run, f.Options, doors(ground.HostOptions().Environ)); err != nil {
		return err
	}
	if f.demo == 0 {
		return nil
	}
	return f.runDemo(ctx, ground, run, out)
}

// announce says where everything can be reached.
func announce(out io.Writer, run Running, o local.Options, doors []string) error {
	rows := [][]string{
		{"ingress", run.IngressURL + "/webhooks/{" + strings.Join(doors, ",") + "}"},
		{"metrics", run.AdminURL + "/metrics"},
	}
	if run.MailboxURL != "" {
		rows = append(rows, []string{"mailbox", run.MailboxURL})
	}
	rows = append(rows, []string{"database", run.DatabaseURL}, []string{"log", o.LogFile()})
	for _, source := range doors {
		if secret := run.Secrets[source]; secret != "" {
			rows = append(rows, []string{source + " secret", secret})
		}
	}
	fmt.Fprintln(out, "orderflow is ready.")
	return table(out, rows...)
}

// doors are the sources that others post to: not those whose sender is the sandbox.
func doors(environ map[string]string) []string {
	var others []string
	for source := range strings.SplitSeq(cmp.Or(environ["INGRESS_SOURCES"], "stripe,shopify,woocommerce,checkout"), ",") {
		if source = strings.TrimSpace(source); source != "sandbox" && source != "twilio" {
			others = append(others, source)
		}
	}
	return others
}

func withDefaults(environ, defaults map[string]string) map[string]string {
	for name, value := range defaults {
		if environ[name] == "" {
			environ[name] = value
		}
	}
	return environ
}
