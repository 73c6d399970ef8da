package event_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

func TestTheTypeOfAMessageNamesItsCategory(t *testing.T) {
	t.Parallel()
	eventType := event.TypeOf(&orderv1.OrderPlaced{})
	assert.Equal(t, "order.v1.OrderPlaced", eventType)
	assert.Equal(t, "OrderPlaced", event.NameOf(eventType))
	assert.Equal(t, event.Order, event.CategoryOf(eventType))
}

func TestDecode(t *testing.T) {
	t.Parallel()
	_, err := event.Decode("order.v9.NotYet", nil)
	require.ErrorIs(t, err, event.ErrUnknownType)
	_, err = event.Decode("order.v1.OrderPlaced", []byte{0xff})
	require.Error(t, err)
	require.NotErrorIs(t, err, event.ErrUnknownType, "broken is not unknown")
	// A field of a newer version is kept: it is written back as it was.
	newer := []byte{0xfa, 0x7f, 1, 'x'}
	m, err := event.Decode("order.v1.OrderCompleted", newer)
	require.NoError(t, err)
	again, err := proto.Marshal(m)
	require.NoError(t, err)
	assert.Equal(t, newer, again)
}

func TestOfSharesCauseAndTime(t *testing.T) {
	t.Parallel()
	at := time.Unix(7, 0)
	for _, e := range event.Of(ident.Named("a"), at, &orderv1.OrderCompleted{}, &orderv1.OrderExpired{}) {
		assert.Equal(t, ident.Named("a"), e.Cause)
		assert.Equal(t, at, e.OccurredAt)
	}
}
