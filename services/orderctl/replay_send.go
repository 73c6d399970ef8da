package orderctl

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/bus"
)

// outlet is where a replay's messages go.
type outlet interface {
	publish(ctx context.Context, messages []*nats.Msg) error
}

// nowhere is for counting only.
type nowhere struct{}

func (nowhere) publish(context.Context, []*nats.Msg) error { return nil }

// A replay must not be in the way of what comes meanwhile: it stays a little ahead of the services, and leaves room in
// INTAKE, which refuses webhooks when it is full.
const (
	aheadMost = 5000
	fullMost  = 0.8
	// replayPatience is how long the services may take nothing, or the broker refuse, before the replay gives up.
	replayPatience = time.Minute
	lookAgain      = 200 * time.Millisecond
	publishWithin  = 30 * time.Second
)

// intake sends to INTAKE.
type intake struct {
	stream    jetstream.Stream
	publisher *bus.Publisher
	say       io.Writer
	patience  time.Duration
	ahead     uint64
}

func newIntake(ctx context.Context, js jetstream.JetStream, say io.Writer) (*intake, error) {
	stream, err := js.Stream(ctx, bus.Intake)
	if err != nil {
		return nil, fmt.Errorf("look for stream %s: %w", bus.Intake, err)
	}
	return &intake{stream, bus.NewPublisher(js), say, replayPatience, aheadMost}, nil
}

// publish returns when every message is durable.
func (i *intake) publish(ctx context.Context, messages []*nats.Msg) error {
	if len(messages) == 0 {
		return nil
	}
	if err := i.room(ctx); err != nil {
		return err
	}
	began := time.Now()
	for attempt := 0; ; attempt++ {
		err := i.once(ctx, messages)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if time.Since(began) > i.patience {
			return fmt.Errorf("%s has taken nothing for %s: %w", bus.Intake, span(i.patience), err)
		}
		if attempt == 0 {
			fmt.Fprintf(i.say, "%s takes nothing at the moment; trying again (%v)\n", bus.Intake, err)
		}
		if err := sleep(ctx, min(lookAgain<<attempt, 5*time.Second)); err != nil {
			return err
		}
	}
}

func (i *intake) once(ctx context.Context, messages []*nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	return i.publisher.All(ctx, messages)
}

// room waits until the slowest service is near, and the stream is not almost full.
func (i *intake) room(ctx context.Context) error {
	var least uint64
	moved := time.Now()
	for first := true; ; first = false {
		slowest, behind, err := i.behind(ctx)
		if err != nil {
			return err
		}
		full, err := i.full(ctx)
		if err != nil || behind <= i.ahead && full == "" {
			return err
		}
		if first || behind < least {
			least, moved = behind, time.Now()
		}
		if time.Since(moved) > i.patience {
			if full != "" {
				return fmt.Errorf("%s, and webhooks that come now need the rest", full)
			}
			return fmt.Errorf("%s has %d deliveries before it and has taken none for %s: does its service run?", slowest, behind, span(i.patience))
		}
		if err := sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// behind is the durable that has most before it, and how much that is.
func (i *intake) behind(ctx context.Context) (name string, most uint64, err error) {
	list := i.stream.ListConsumers(ctx)
	for c := range list.Info() {
		if n := c.NumPending + uint64(max(c.NumAckPending, 0)); n >= most {
			name, most = c.Name, n
		}
	}
	if err := list.Err(); err != nil {
		return "", 0, fmt.Errorf("ask how far the services are: %w", err)
	}
	return name, most, nil
}

// full says that the stream is almost full; empty if it is not.
func (i *intake) full(ctx context.Context) (string, error) {
	info, err := i.stream.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("ask how full %s is: %w", bus.Intake, err)
	}
	most := info.Config.MaxBytes
	if most <= 0 || float64(info.State.Bytes) < fullMost*float64(most) {
		return "", nil
	}
	return fmt.Sprintf("%s holds %d of %d MiB", bus.Intake, info.State.Bytes>>20, most>>20), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
