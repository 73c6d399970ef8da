package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Provision makes the streams, or brings them to what this build wants. It never deletes one.
func Provision(ctx context.Context, js jetstream.JetStream, o StreamOptions) error {
	for _, c := range streams(o) {
		if _, err := js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("provision stream %s: %w", c.Name, err)
		}
	}
	return nil
}

// consumer makes a durable, or brings it to what this build wants. A durable whose ack floor is ahead of its stream
// (the stream lost its tail in a power cut) would wait for ever and is made anew.
func consumer(ctx context.Context, js jetstream.JetStream, d Durable) (jetstream.Consumer, error) {
	stream, err := js.Stream(ctx, d.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("durable %s: stream %s is missing; orderctl provision makes it", d.Name, d.Stream)
	}
	if err != nil {
		return nil, fmt.Errorf("durable %s: %w", d.Name, err)
	}
	config := jetstream.ConsumerConfig{
		Durable: d.Name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: d.AckWait,
		MaxAckPending: d.MaxAckPending, MaxDeliver: -1, DeliverPolicy: jetstream.DeliverAllPolicy, ReplayPolicy: jetstream.ReplayInstantPolicy,
	}
	if len(d.Filters) == 1 { // then it stands in the subject of the call too, and a user can be bound to it
		config.FilterSubject = d.Filters[0]
	} else {
		config.FilterSubjects = d.Filters
	}
	c, err := stream.CreateOrUpdateConsumer(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("durable %s: %w", d.Name, err)
	}
	// Looked at again, after the durable: others who share it may have acked what came since the first look.
	now, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("durable %s: %w", d.Name, err)
	}
	if c.CachedInfo().AckFloor.Stream <= now.State.LastSeq {
		return c, nil
	}
	if err := stream.DeleteConsumer(ctx, d.Name); err != nil {
		return nil, fmt.Errorf("durable %s is ahead of its stream and cannot be made anew: %w", d.Name, err)
	}
	if c, err = stream.CreateConsumer(ctx, config); err != nil {
		return nil, fmt.Errorf("durable %s: %w", d.Name, err)
	}
	return c, nil
}
