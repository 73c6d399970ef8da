package orderctl

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
)

// Services that commands are for, by the names under which they listen.
const (
	serviceOrders      = "orders"
	serviceFraud       = "fraud"
	serviceFulfillment = "fulfillment"
	serviceInventory   = "inventory"
)

// askEvery is how often the stream is looked at for an answer.
const askEvery = 50 * time.Millisecond

// commandFlags adds what every command to a service takes.
func commandFlags(c *cobra.Command) {
	c.Flags().String("reason", "", "why, for whoever reads the timeline; no personal data")
	c.Flags().String("by", "", "who asks (default: you, by the name of your account here, or at a server)")
	aboutFlag(c.Flags(), "by", staysHere, "who asks is who is logged in")
	c.Flags().Duration("wait", 5*time.Second, "how long to wait for the answer")
}

// asked is what the flags of a command say.
type asked struct {
	by, reason string
	wait       time.Duration
}

func askedBy(c *cobra.Command) (asked, error) {
	var a asked
	var err error
	if a.by, err = c.Flags().GetString("by"); err != nil {
		return a, err
	}
	if a.reason, err = c.Flags().GetString("reason"); err != nil {
		return a, err
	}
	if a.wait, err = c.Flags().GetDuration("wait"); err != nil {
		return a, err
	}
	if who := askerIn(c.Context()); who != nil {
		a.by = who.call.Operator
	}
	if a.by == "" {
		a.by = whoami()
	}
	return a, nil
}

func whoami() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "operator"
}

// command makes a command with an id of its own: each call is asked once, however often its message is delivered.
func (a asked) command(id ident.Entity) *commandv1.Command {
	own := uuid.New()
	return &commandv1.Command{Id: own[:], EntityId: slices.Clone(id[:]), By: a.by, Reason: a.reason}
}

// message is a command on its way to a service.
func message(service string, cmd *commandv1.Command) (*nats.Msg, error) {
	data, err := proto.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", service, err)
	}
	return &nats.Msg{
		Subject: bus.CommandSubject(service, cmd), Data: data, Header: nats.Header{jetstream.MsgIDHeader: []string{uuid.UUID(cmd.GetId()).String()}},
	}, nil
}

// send puts a command where its service finds it, and returns when it is durable there.
func send(ctx context.Context, run Running, service string, cmd *commandv1.Command) error {
	m, err := message(service, cmd)
	if err != nil {
		return err
	}
	return broker(ctx, run, func(ctx context.Context, js jetstream.JetStream) error {
		if _, err := js.PublishMsg(ctx, m); err != nil {
			return fmt.Errorf("ask %s: %w; nothing was sent", service, err)
		}
		return nil
	})
}

// answer is what a command led to.
type answer struct {
	OrderID   string     `json:"order_id"`
	CommandID string     `json:"command_id"`
	Done      bool       `json:"done"`
	Refused   string     `json:"refused,omitempty"`
	Events    []moveView `json:"events"`
	Status    string     `json:"status"`
}

// until polls an order's events until done is content with them, or the time is over.
func (s *system) until(ctx context.Context, id ident.Entity, wait time.Duration, done func([]event.Recorded) bool) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		events, err := s.store.Load(ctx, []ident.Entity{id})
		switch {
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case err != nil:
			return false, err
		case done(events[id]):
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// causedBy are the events that a command led to.
func causedBy(events []event.Recorded, cmd *commandv1.Command) []event.Recorded {
	var caused []event.Recorded
	for _, e := range events {
		if e.Cause == ident.Cause(cmd.GetId()) {
			caused = append(caused, e)
		}
	}
	return caused
}

// refusalIn is why a command was refused; empty if it was not.
func refusalIn(events []event.Recorded) string {
	for _, e := range events {
		m, ok := e.Message.(interface {
			GetCommand() string
			GetReason() string
		})
		if ok && event.NameOf(e.Type) == "CommandRefused" {
			return m.GetReason()
		}
	}
	return ""
}

// tell prints what a command led to. A refusal is a "no": exit status 1.
func tell(c *cobra.Command, f found, cmd *commandv1.Command, all, caused []event.Recorded, refused string) error {
	a := answer{
		OrderID: f.id.String(), CommandID: uuid.UUID(cmd.GetId()).String(), Done: refused == "", Refused: refused,
		Events: timelineOf(caused, byRecorded),
	}
	o, err := order.Fold(f.id, all)
	if err != nil {
		return err
	}
	a.Status = string(o.Status())
	if wantsJSON(c) {
		if err := printJSON(c, a); err != nil {
			return err
		}
		if !a.Done {
			return exitStatus{code: 1}
		}
		return nil
	}
	name := nameOf(o)
	if name == "" {
		name = a.OrderID
	}
	if !a.Done {
		return exitStatus{1, visible(fmt.Sprintf("orderctl: refused for %s: %s", name, a.Refused))}
	}
	p := &printer{w: c.OutOrStdout()}
	for _, m := range a.Events {
		p.line("%s: %s", m.Who, m.What)
	}
	p.line("Order %s is %s.", name, plain(a.Status))
	return p.err
}
