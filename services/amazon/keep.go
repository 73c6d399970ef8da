package amazon

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/amazon"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// keepTimeout is how long the broker may take to keep a delivery.
const keepTimeout = 5 * time.Second

// keeper puts what Amazon tells into INTAKE.
type keeper struct {
	js      jetstream.JetStream
	bus     *bus.Publisher
	account source.Account
	clock   func() time.Time
	log     zerolog.Logger
}

// keep returns once a body is durable, as a delivery of ours. Again says that it was kept before.
func (k *keeper) keep(ctx context.Context, body []byte) (again bool, err error) {
	r := source.Request{Header: http.Header{}, Body: body, ReceivedAt: k.clock().Truncate(time.Microsecond)}
	d, data, failure := ingress.Message(amazon.New(), r, k.account, k.js.Conn().MaxPayload())
	if d == nil {
		return false, failure
	}
	id := ident.Delivery(d.GetId())
	if failure != nil {
		k.log.Error().Err(failure).Str("delivery", id.String()).Msg("delivery not read")
	}
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	m := nats.NewMsg(bus.IntakeSubject(d))
	m.Data = data
	m.Header.Set(nats.MsgIdHdr, id.String())
	again, err = k.bus.One(ctx, m)
	if err != nil {
		return false, fmt.Errorf("keep delivery %s: %w", id, err)
	}
	if q := d.GetQuarantine(); q != nil && !again {
		k.log.Warn().Str("topic", d.GetTopic()).Str("delivery", id.String()).Str("reason", q.GetReason()).Str("detail", q.GetDetail()).Msg("delivery quarantined")
	}
	return again, nil
}
