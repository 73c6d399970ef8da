package notifier

import (
	"context"

	"github.com/orderflow/orderflow/pkg/host"
)

// Service is the notifier as the host runs it.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name:   service,
		About:  "Tells customers by mail and text what becomes of their orders.",
		Config: config, Database: true, Broker: true,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
			mailer, err := newMailer(*config, d.Clock)
			if err != nil {
				return nil, err
			}
			h := &handler{config: *config, words: newWords(), vault: d.Vault, channel: mailer, clock: d.Clock}
			if config.SMSProvider == twilioProvider {
				h.texter = newTwilio(*config, d.Clock)
			}
			loop := d.Reactor(h.spec())
			return []host.Task{{Name: loop.Name, Run: func(ctx context.Context) error {
				defer mailer.close()
				return loop.Run(ctx)
			}}}, nil
		},
	}
}
