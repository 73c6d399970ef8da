package orderctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/services/operators"
)

func deadCommand() *cobra.Command {
	return grouped(&cobra.Command{
		Use: "dead", Short: "Look at messages that a service gave up on, and give them a second chance",
		Long: "Look at messages that a service gave up on, and give them a second chance. They are kept for 30 days.",
		Example: `  orderctl dead list
  orderctl dead show 17
  orderctl dead redrive --all`,
	}, deadListCommand(), deadShowCommand(), deadRedriveCommand())
}

// deadSummary is a dead message without what it holds.
type deadSummary struct {
	Number   uint64    `json:"number"`
	Service  string    `json:"service"`
	Reason   string    `json:"reason"`
	Error    string    `json:"error"`
	Subject  string    `json:"subject"`
	Entity   string    `json:"entity_id,omitempty"`
	Cause    string    `json:"cause_id,omitempty"`
	Attempts int32     `json:"attempts"`
	At       time.Time `json:"at"`
}

func summaryOf(b bus.Buried) deadSummary {
	return deadSummary{
		Number: b.Number, Service: b.GetService(), Reason: b.GetReason(), Error: b.GetError(), Subject: b.GetSubject(),
		Entity: asUUID(b.GetEntityId()), Cause: asUUID(b.GetCauseId()), Attempts: b.GetAttempts(), At: b.GetAt().AsTime(),
	}
}

func asUUID(b []byte) string {
	id, err := uuid.FromBytes(b)
	if err != nil || id == uuid.Nil {
		return ""
	}
	return id.String()
}

// withJetStream hands over JetStream; the database is not needed.
func withJetStream(c *cobra.Command, use func(ctx context.Context, js jetstream.JetStream) error) error {
	run, _, err := where(c)
	if err != nil {
		return err
	}
	return broker(c.Context(), run, use)
}

func deadListCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List messages that were given up on, oldest first",
		Annotations: needs(operators.Viewer),
		Long:        "List messages that were given up on, oldest first.",
		Example: `  orderctl dead list
  orderctl dead list --service payment --json`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			return withJetStream(c, func(ctx context.Context, js jetstream.JetStream) error {
				list, err := deadList(ctx, c, js)
				if err != nil {
					return err
				}
				return printDead(c, list)
			})
		},
	}
	c.Flags().String("service", "", "only those of this `SERVICE`")
	return c
}

func deadList(ctx context.Context, c *cobra.Command, js jetstream.JetStream) ([]deadSummary, error) {
	service, err := c.Flags().GetString("service")
	if err != nil {
		return nil, err
	}
	all, err := bus.DeadMessages(ctx, js)
	if err != nil {
		return nil, err
	}
	list := []deadSummary{}
	for _, b := range all {
		if service == "" || b.GetService() == service {
			list = append(list, summaryOf(b))
		}
	}
	return list, nil
}

func printDead(c *cobra.Command, list []deadSummary) error {
	if wantsJSON(c) {
		return printJSON(c, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "No message was given up on.")
		return nil
	}
	rows := [][]string{{"NUMBER", "AT", "SERVICE", "REASON", "ATTEMPTS", "ENTITY", "SUBJECT", "ERROR"}}
	for _, d := range list {
		rows = append(rows, []string{
			strconv.FormatUint(d.Number, 10), clockTime(d.At), d.Service, d.Reason, strconv.Itoa(int(d.Attempts)), dash(d.Entity), dash(d.Subject),
			shortened(firstLine(d.Error), 60),
		})
	}
	return table(c.OutOrStdout(), rows...)
}

func deadShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NUMBER", Short: "Show one of them: why, whose, and what it says",
		Annotations: needs(operators.Viewer),
		Long:        "Show one of them: why it was given up, about which order, and what it says. Bodies and personal data are not shown.",
		Example:     `  orderctl dead show 17`,
		Args:        takes(cobra.ExactArgs(1), "one NUMBER, as 'orderctl dead list' shows it"),
		RunE: func(c *cobra.Command, args []string) error {
			numbers, err := numbersOf(c, args)
			if err != nil {
				return err
			}
			return withJetStream(c, func(ctx context.Context, js jetstream.JetStream) error {
				b, err := bus.DeadMessage(ctx, js, numbers[0])
				if errors.Is(err, jetstream.ErrMsgNotFound) {
					return noSuchDead(numbers[0])
				}
				if err != nil {
					return err
				}
				return printOneDead(c, b)
			})
		},
	}
}

func noSuchDead(number uint64) error {
	return fmt.Errorf("there is no dead message %d; 'orderctl dead list' shows what there is", number)
}

func printOneDead(c *cobra.Command, b bus.Buried) error {
	d := summaryOf(b)
	says := messageWords(b)
	if wantsJSON(c) {
		return printJSON(c, struct {
			deadSummary
			Says string `json:"says"`
			Size int    `json:"bytes"`
		}{d, says, len(b.GetMessage())})
	}
	return table(c.OutOrStdout(),
		[]string{"number", strconv.FormatUint(d.Number, 10)}, []string{"given up", clockTime(d.At) + " UTC"}, []string{"by", d.Service},
		[]string{"reason", d.Reason}, []string{"error", d.Error}, []string{"subject", dash(d.Subject)}, []string{"entity", dash(d.Entity)},
		[]string{"cause", dash(d.Cause)}, []string{"attempts", strconv.Itoa(int(d.Attempts))},
		[]string{"message", fmt.Sprintf("%d bytes: %s", len(b.GetMessage()), says)})
}

// messageWords says what a dead message holds, by the subject that it came from.
func messageWords(b bus.Buried) string {
	switch kind, _, _ := strings.Cut(b.GetSubject(), "."); kind {
	case "intake":
		return deliveryWords(b.GetMessage())
	case "commands":
		return commandWords(b.GetMessage())
	case "events":
		return "a doorbell"
	}
	return "nothing that can be sent again"
}

func numbersOf(c *cobra.Command, args []string) ([]uint64, error) {
	numbers := make([]uint64, len(args))
	for i, arg := range args {
		n, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || n == 0 {
			return nil, calledWrongly(c, "%q is no number of a dead message", arg)
		}
		numbers[i] = n
	}
	return numbers, nil
}

func deadRedriveCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "redrive [NUMBER…]", Short: "Give dead messages a second chance",
		Annotations: needsTold(operators.Operator),
		Long: `Give dead messages a second chance: each is published where it came from, under an id of its own, and taken out of
the list. What fails again comes back with a new number. Doing it twice does no harm.`,
		Example: `  orderctl dead redrive 17 18
  orderctl dead redrive --all --service payment`,
		RunE: func(c *cobra.Command, args []string) error {
			all, err := c.Flags().GetBool("all")
			if err != nil {
				return err
			}
			if all == (len(args) > 0) {
				return calledWrongly(c, "%s takes NUMBERs, or --all", c.CommandPath())
			}
			numbers, err := numbersOf(c, args)
			if err != nil {
				return err
			}
			return withJetStream(c, func(ctx context.Context, js jetstream.JetStream) error { return redrive(ctx, c, js, all, numbers) })
		},
	}
	c.Flags().Bool("all", false, "all of them")
	c.Flags().String("service", "", "with --all: only those of this `SERVICE`")
	return c
}

// redriven is what became of one dead message.
type redriven struct {
	Number uint64 `json:"number"`
	Done   bool   `json:"done"`
	Error  string `json:"error,omitempty"`
}

func redrive(ctx context.Context, c *cobra.Command, js jetstream.JetStream, all bool, numbers []uint64) error {
	list, err := deadList(ctx, c, js)
	if err != nil {
		return err
	}
	if all {
		for _, d := range list {
			numbers = append(numbers, d.Number)
		}
	}
	results := make([]redriven, 0, len(numbers))
	failed := 0
	for _, n := range numbers {
		r := redriven{Number: n, Done: true}
		if err := redriveOne(ctx, js, list, n); err != nil {
			r, failed = redriven{Number: n, Error: err.Error()}, failed+1
		}
		results = append(results, r)
	}
	var no error
	if failed > 0 {
		no = exitStatus{1, fmt.Sprintf("orderctl: %d of %d could not be redriven", failed, len(numbers))}
	}
	if wantsJSON(c) {
		return errors.Join(printJSON(c, results), no)
	}
	p := &printer{w: c.OutOrStdout()}
	for _, r := range results {
		p.line("%d: %s", r.Number, when(r.Done, "sent again")+r.Error)
	}
	if len(results) == 0 {
		p.line("No message was given up on.")
	}
	return errors.Join(p.err, no)
}

func redriveOne(ctx context.Context, js jetstream.JetStream, list []deadSummary, number uint64) error {
	i := slices.IndexFunc(list, func(d deadSummary) bool { return d.Number == number })
	if i < 0 {
		return noSuchDead(number)
	}
	if list[i].Subject == "" {
		return errors.New("it came from no subject: a timer, which the sweep looks at again by itself")
	}
	return bus.Redrive(ctx, js, number)
}
