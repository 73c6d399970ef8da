package ingress

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Message is a delivery as the ingress publishes it, for who gets what a provider tells by another way than a webhook: out
// of a queue, or because the provider was asked. It has to be the provider's words, which nobody looks at here. The bytes
// are what is published, at bus.IntakeSubject and under the delivery's id, to a broker that takes messages of so many
// bytes. An error besides them says that the normaliser failed: then the delivery is in quarantine.
func Message(s source.Source, r source.Request, a source.Account, maxPayload int64) (d *intakev1.Delivery, data []byte, failure error) {
	reading, failure := Read(s, r, a)
	d, _ = NewDelivery(s, r, a, reading)
	data, err := encode(d, maxPayload-overhead)
	if err != nil {
		return nil, nil, err
	}
	return d, data, failure
}
