package orderctl

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

func (w *world) bury(service string, id ident.Entity, subject string, message proto.Message) {
	w.t.Helper()
	var data []byte
	if message != nil {
		var err error
		data, err = proto.Marshal(message)
		require.NoError(w.t, err)
	}
	require.NoError(w.t, bus.NewPublisher(w.js).Bury(w.t.Context(), &envelopev1.Dead{
		Service: service, Reason: "rejected", Error: "the rules refuse it\nsecond line", Subject: subject, Message: data, EntityId: id[:],
		Attempts: 3, At: timestamppb.New(noon.Add(30 * time.Minute)),
	}))
}

func (w *world) messages(stream string) uint64 {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), stream)
	require.NoError(w.t, err)
	return s.CachedInfo().State.Msgs
}

// answered waits until no command is left: its stream holds what no service has answered.
func (w *world) answered() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.messages(bus.Commands) == 0 }, 20*time.Second, 20*time.Millisecond)
}

func TestDeadMessagesAreListedShownAndRedriven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Contains(t, w.ok("dead", "list"), "No message was given up on.")
	id := ident.Order("shopify", "default", "1")
	own := uuid.New()
	cmd := &commandv1.Command{Id: own[:], EntityId: id[:], By: "ada", Body: &commandv1.Command_CancelOrder{CancelOrder: &commandv1.CancelOrder{}}}
	w.bury("orders", id, bus.CommandSubject("orders", cmd), cmd)
	w.bury("payment", id, "intake.1.stripe.-.payment.-.-", &intakev1.Delivery{
		Source: "stripe", Topic: "charge.refunded", Body: []byte(`{"email":"ada@example.com"}`), ReceivedAt: timestamppb.New(noon),
		Facts: []*intakev1.Fact{{Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{Number: "7", Person: somebody}}}},
	})
	w.bury("fraud", id, "", nil)

	golden(t, "dead_list.txt", w.ok("dead", "list"))
	var list []deadSummary
	w.parsed(&list, "dead", "list", "--service", "payment")
	require.Len(t, list, 1)
	assert.Equal(t, uint64(2), list[0].Number)
	golden(t, "dead_show.txt", w.ok("dead", "show", "2"))
	assert.NotContains(t, w.ok("dead", "show", "2", "--json"), "ada@example.com")

	r := w.run("dead", "show", "99")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "there is no dead message 99")
	assert.Equal(t, 2, w.run("dead", "show", "x").code)
	assert.Equal(t, 2, w.run("dead", "redrive").code)
	assert.Equal(t, 2, w.run("dead", "redrive", "1", "--all").code)

	assert.Equal(t, "1: sent again\n", w.ok("dead", "redrive", "1"))
	assert.Equal(t, uint64(1), w.messages(bus.Commands))
	r = w.run("dead", "redrive", "1")
	assert.Equal(t, 1, r.code, "it is not there any more")
	r = w.run("dead", "redrive", "--all")
	assert.Equal(t, 1, r.code, "one of them came from nowhere")
	assert.Contains(t, r.out, "2: sent again")
	assert.Contains(t, r.out, "3: it came from no subject")
	assert.Equal(t, uint64(1), w.messages(bus.Intake))
	assert.Equal(t, uint64(1), w.messages(bus.Dead))

	_, err := w.js.Stream(t.Context(), bus.Dead)
	require.NotErrorIs(t, err, jetstream.ErrStreamNotFound)
}
