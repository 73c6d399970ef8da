package order_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
)

const shipped = notificationv1.Kind_KIND_SHIPPED

func notified(t *testing.T, messages ...proto.Message) order.Notification {
	t.Helper()
	o := order.New(ident.Order("checkout", "default", "1"))
	var news []event.New
	for _, m := range messages {
		news = append(news, event.New{Message: m, OccurredAt: time.Unix(1772366400, 0)})
	}
	o = o.With(event.Notification, news...)
	require.Equal(t, len(messages), o.Version(event.Notification))
	return o.Notification
}

// A text and a mail of one kind are two messages; a channel that was not told is the mail's.
func TestChannelsAreTakenApart(t *testing.T) {
	t.Parallel()
	n := notified(t,
		&notificationv1.NotificationSuppressed{Kind: shipped, SubjectKey: "SB1", Reason: "no_email"},
		&notificationv1.NotificationStarted{Kind: shipped, Channel: order.ChannelSMS, SubjectKey: "SB1", Attempt: 1, InFlightUntil: timestamppb.New(time.Unix(1772366430, 0))},
	)
	assert.True(t, n.Told(shipped, "SB1"))
	assert.False(t, n.ToldBy(order.ChannelSMS, shipped, "SB1"))
	require.Len(t, n.Started, 1)
	assert.Equal(t, time.Unix(1772366430, 0).UTC(), n.Started[0].Until)
}

// Whatever is recorded of a text ends its intent, and a later attempt takes the place of the one before.
func TestAnIntentEnds(t *testing.T) {
	t.Parallel()
	start := func(attempt int32) *notificationv1.NotificationStarted {
		return &notificationv1.NotificationStarted{Kind: shipped, Channel: order.ChannelSMS, SubjectKey: "SB1", Attempt: attempt}
	}
	n := notified(t, start(1), start(2))
	require.Len(t, n.Started, 1)
	assert.Equal(t, 2, n.Started[0].Attempt)
	for _, end := range []proto.Message{
		&notificationv1.NotificationSent{Kind: shipped, Channel: order.ChannelSMS, SubjectKey: "SB1", Provider: "twilio", MessageId: "SM1"},
		&notificationv1.NotificationFailed{Kind: shipped, Channel: order.ChannelSMS, SubjectKey: "SB1", Reason: "twilio 21211"},
		&notificationv1.NotificationSuppressed{Kind: shipped, Channel: order.ChannelSMS, SubjectKey: "SB1", Reason: "erased"},
	} {
		n := notified(t, start(1), end)
		assert.Empty(t, n.Started)
		assert.True(t, n.ToldBy(order.ChannelSMS, shipped, "SB1"))
	}
	mailed := notified(t, start(1), &notificationv1.NotificationSent{Kind: shipped, Channel: order.ChannelEmail, SubjectKey: "SB1"})
	assert.Len(t, mailed.Started, 1, "a mail ends no text")
}

// What the provider tells comes in any order, and comes to the same.
func TestReportsInAnyOrder(t *testing.T) {
	t.Parallel()
	report := func(outcome, code string) proto.Message {
		return &notificationv1.NotificationReported{Provider: "twilio", MessageId: "SM1", Outcome: outcome, ErrorCode: code}
	}
	sent := &notificationv1.NotificationSent{Kind: shipped, Channel: order.ChannelSMS, Provider: "twilio", MessageId: "SM1"}
	bad, good, read := report("undelivered", "30003"), report("delivered", ""), report("read", "")
	for _, told := range [][]proto.Message{{bad, good, read}, {read, good, bad}, {good, read, bad, good}} {
		n := notified(t, append([]proto.Message{sent}, told...)...)
		require.Len(t, n.Sent, 1)
		assert.Equal(t, "read", n.Sent[0].Report)
		assert.Empty(t, n.Sent[0].ReportCode)
	}
	n := notified(t, sent, bad)
	assert.Equal(t, "30003", n.Sent[0].ReportCode)
	assert.Nil(t, n.ByID("twilio", "SM2"))
	assert.Nil(t, n.ByID("twilio", ""))
	assert.Empty(t, notified(t, report("delivered", "")).Sent, "of a message that is not ours nothing is known")
}
