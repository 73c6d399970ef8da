package amazon

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
)

const service = "amazon"

// Service is the service for the host.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name: service, About: "reads Amazon's notifications out of a queue, and orders when Amazon says that they have changed; does nothing unless configured",
		Config: config, Broker: true, Front: true,
		Start: func(ctx context.Context, d host.Deps) ([]host.Task, error) { return start(ctx, config, d) },
	}
}

func start(ctx context.Context, config *Config, d host.Deps) ([]host.Task, error) {
	account, err := config.account()
	if err != nil {
		return nil, err
	}
	m := newMetrics(d.Registry)
	k := &keeper{js: d.JS, bus: d.Bus, account: account, clock: d.Clock, log: d.Log}
	reading, polling := idle(d.Log, "no order is read again: AMAZON_LWA_CLIENT_ID is not set"), idle(d.Log, "no queue is read: AMAZON_SQS_QUEUE_URL is not set")
	if config.reads() {
		s := &signals{js: d.JS, bus: d.Bus, api: newAPI(config, d.Clock, d.Log), keep: k, metrics: m, clock: d.Clock, log: d.Log, read: map[string]uint64{}}
		reading = s.Run
	}
	if config.QueueURL != "" {
		client, err := newSQS(ctx, config)
		if err != nil {
			return nil, err
		}
		polling = (&queue{sqs: client, url: config.QueueURL, visibility: config.Visibility, keep: k, metrics: m, log: d.Log}).Run
	}
	return []host.Task{{Name: "amazon-orders", Run: reading}, {Name: "amazon-queue", Run: polling}}, nil
}

// idle is a part that has nothing to do, and says why.
func idle(log zerolog.Logger, why string) func(context.Context) error {
	return func(ctx context.Context) error {
		log.Info().Msg(why)
		<-ctx.Done()
		return nil
	}
}

// trouble tells of trouble that goes on.
func trouble(log zerolog.Logger, message string) func(error) { return bus.Sparing(log, message) }
