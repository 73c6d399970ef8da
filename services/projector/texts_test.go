package projector

import (
	"testing"

	"github.com/stretchr/testify/assert"

	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
)

// A text and a mail of one kind are two rows, and what becomes of the text stands in its own.
func TestTextsHaveRowsOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const shipped = notificationv1.Kind_KIND_SHIPPED
	w.append(orderID("1001"), placed("1001", 5000),
		plain(&notificationv1.NotificationSent{Kind: shipped, Channel: "email", SubjectKey: "SB1", MessageId: "1@shop.example"}),
		plain(&notificationv1.NotificationStarted{Kind: shipped, Channel: "sms", SubjectKey: "SB1", Attempt: 1}),
		plain(&notificationv1.NotificationSent{Kind: shipped, Channel: "sms", SubjectKey: "SB1", Provider: "twilio", MessageId: "SM1"}),
		plain(&notificationv1.NotificationReported{Kind: shipped, Channel: "sms", SubjectKey: "SB1", Provider: "twilio", MessageId: "SM1", Outcome: "undelivered", ErrorCode: "30003"}),
	)
	w.rebuild()
	assert.Equal(t, []string{"email sent -", "sms sent twilio SM1 undelivered 30003"}, w.strings(`SELECT channel || ' ' || outcome || ' ' ||
		coalesce(provider || ' ' || message_id || ' ' || report || ' ' || error_code, '-') FROM read.notifications ORDER BY position`))
	assert.Equal(t, []string{
		"Customer told: shipped by email", "Customer is being told: shipped by sms, attempt 1", "Customer told: shipped by sms at twilio as SM1",
		"What told shipped by sms was undelivered, error 30003",
	}, w.strings(`SELECT summary FROM read.order_timeline WHERE category = 'notification' ORDER BY version`))
}
