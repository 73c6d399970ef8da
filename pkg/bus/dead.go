package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"google.golang.org/protobuf/proto"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// Bury puts a message that a service gives up on into DEAD and returns when it is durable there. Only then may the
// message itself be ended.
func (p *Publisher) Bury(ctx context.Context, d *envelopev1.Dead) error {
	data, err := proto.Marshal(d)
	if err != nil {
		return fmt.Errorf("bury: %w", err)
	}
	_, err = p.One(ctx, &nats.Msg{Subject: DeadSubject(d.GetService(), d.GetReason()), Data: data})
	return err
}

// Buried is a message in DEAD under its number.
type Buried struct {
	Number uint64
	*envelopev1.Dead
}

// DeadMessages lists what was given up on, oldest first.
func DeadMessages(ctx context.Context, js jetstream.JetStream) ([]Buried, error) {
	stream, err := js.Stream(ctx, Dead)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", Dead, err)
	}
	var all []Buried
	state := stream.CachedInfo().State
	for n := max(state.FirstSeq, 1); n <= state.LastSeq; n++ { // an empty stream's first is 0
		d, err := deadMessage(ctx, stream, n)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// DeadMessage reads one of them.
func DeadMessage(ctx context.Context, js jetstream.JetStream, number uint64) (Buried, error) {
	stream, err := js.Stream(ctx, Dead)
	if err != nil {
		return Buried{}, fmt.Errorf("read %s: %w", Dead, err)
	}
	return deadMessage(ctx, stream, number)
}

func deadMessage(ctx context.Context, stream jetstream.Stream, number uint64) (Buried, error) {
	raw, err := stream.GetMsg(ctx, number)
	if err != nil {
		return Buried{}, fmt.Errorf("read dead message %d: %w", number, err)
	}
	d := &envelopev1.Dead{}
	if err := proto.Unmarshal(raw.Data, d); err != nil {
		return Buried{}, fmt.Errorf("read dead message %d: %w", number, err)
	}
	return Buried{number, d}, nil
}

// Redrive gives a dead message its second chance under the subject that it came from, with an id of its own so that it
// is not taken for a repeat, and takes it out of DEAD.
func Redrive(ctx context.Context, js jetstream.JetStream, number uint64) error {
	d, err := DeadMessage(ctx, js, number)
	if err != nil {
		return err
	}
	if d.GetSubject() == "" {
		return fmt.Errorf("redrive %d: it has no subject to go back to", number)
	}
	m := &nats.Msg{Subject: d.GetSubject(), Data: d.GetMessage(), Header: nats.Header{"Nats-Msg-Id": []string{"redrive-" + nuid.Next()}}}
	if _, err := js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("redrive %d: %w", number, err)
	}
	stream, err := js.Stream(ctx, Dead)
	if err != nil {
		return fmt.Errorf("redrive %d: %w", number, err)
	}
	return stream.DeleteMsg(ctx, number)
}
