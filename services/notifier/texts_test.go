package notifier

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// openPhones is a shop that sends texts, and a Twilio.
func openPhones(t *testing.T) (*shop, *exchange) {
	t.Helper()
	s, x := openShop(t), openExchange(t)
	s.texting = func(c *Config) {
		their := texting(x)
		c.TwilioAccount, c.TwilioTokens, c.TwilioFrom, c.TwilioURL, c.TwilioStatusURL = their.TwilioAccount, their.TwilioTokens, their.TwilioFrom, their.TwilioURL, their.TwilioStatusURL
		c.Rules = their.Rules
		c.SMSTimeout = 300 * time.Millisecond // an attempt is over after 900 ms
	}
	return s, x
}

// byText are the texts of an order as its stream tells them.
func (s *shop) byText(id ident.Entity) []order.Message {
	var all []order.Message
	for _, m := range s.told(id) {
		if m.Channel == order.ChannelSMS {
			all = append(all, m)
		}
	}
	return all
}

// report publishes what a provider tells of a message, as the ingress does.
func (s *shop) report(messageID, delivery string, step intakev1.MessageStep, code string) {
	s.t.Helper()
	delivered := ident.Named("delivery", delivery)
	d := &intakev1.Delivery{Id: delivered[:], Source: "twilio", Account: "default", Facts: []*intakev1.Fact{{
		References: []string{"message:twilio:" + messageID},
		Body:       &intakev1.Fact_MessageReported{MessageReported: &intakev1.MessageReported{Provider: "twilio", MessageId: messageID, Step: step, ErrorCode: code}},
	}}}
	data, err := proto.Marshal(d)
	require.NoError(s.t, err)
	_, err = s.js.Publish(s.t.Context(), bus.IntakeSubject(d), data)
	require.NoError(s.t, err)
}

func TestTextsOfAnOrder(t *testing.T) {
	t.Parallel()
	s, x := openPhones(t)
	id := ident.Order("checkout", "default", "phone")
	// Told before the text itself is: it waits for it.
	s.report("SM00000000000000000000000000000001", "1", intakev1.MessageStep_MESSAGE_STEP_DELIVERED, "")
	s.start()
	s.happens(id, onPhone, paid, cleared, scanned("SB1"))
	require.Eventually(t, func() bool { return len(s.byText(id)) == 1 && s.byText(id)[0].Report == "delivered" }, patience, soon)
	for range 5 {
		s.ring(bell(id))
	}
	s.happens(id, delivered("SB1"))
	require.Eventually(t, func() bool { return len(s.told(id)) == 5 }, patience, soon)
	s.report("SM00000000000000000000000000000002", "2", intakev1.MessageStep_MESSAGE_STEP_SENT, "")
	s.report("SM00000000000000000000000000000002", "3", intakev1.MessageStep_MESSAGE_STEP_FAILED, "30003")
	require.Eventually(t, func() bool { return s.byText(id)[1].Report != "" }, patience, soon)
	s.quiet()

	require.Equal(t, 2, x.count())
	assert.Equal(t, "Mugs: order #1001 is on its way with Sandbox. Tracking number: SB1", x.texts[0]["body"])
	assert.Equal(t, "Mugs: order #1001 was delivered by Sandbox. Tracking number: SB1", x.texts[1]["body"])
	assert.Equal(t, texted, x.texts[0]["to"])
	texts := s.byText(id)
	assert.Equal(t, "sent", texts[0].Outcome)
	assert.Equal(t, "SM00000000000000000000000000000002", texts[1].ID)
	assert.Equal(t, "undelivered", texts[1].Report)
	assert.Equal(t, "30003", texts[1].ReportCode)
	assert.Len(t, s.post.letters(), 3, "the mails are sent as ever")
}

// The connection breaks after Twilio took the text, which is what a process that dies leaves behind as well.
func TestATextWithoutAnAnswerIsFoundAndNotSentAgain(t *testing.T) {
	t.Parallel()
	s, x := openPhones(t)
	x.answers(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			return true
		}
		x.texts = append(x.texts, map[string]any{"sid": "SM00000000000000000000000000000001", "to": r.PostForm.Get("To"), "body": r.PostForm.Get("Body"), "direction": "outbound-api"})
		conn, _, err := http.NewResponseController(w).Hijack()
		if assert.NoError(t, err) {
			_ = conn.Close()
		}
		return false
	})
	stop := s.start()
	id := ident.Order("checkout", "default", "cut off")
	s.happens(id, onPhone, paid, cleared, scanned("SB1"))
	require.Eventually(t, func() bool { return x.count() == 1 }, patience, soon)
	stop() // and the next process finds what this one left
	s.start()
	require.Eventually(t, func() bool { return len(s.byText(id)) == 1 }, patience, soon)
	assert.Equal(t, "SM00000000000000000000000000000001", s.byText(id)[0].ID)
	assert.Equal(t, 1, x.count())
}

func TestATwilioThatComesBack(t *testing.T) {
	t.Parallel()
	s, x := openPhones(t)
	x.answers(func(w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, http.StatusServiceUnavailable, 20503)
		return false
	})
	s.start()
	id := ident.Order("checkout", "default", "away")
	s.happens(id, onPhone, paid, cleared, scanned("SB1"))
	require.Eventually(t, func() bool { return len(s.told(id)) == 2 }, patience, soon, "mails do not wait for it")
	assert.Empty(t, s.byText(id), "nothing is recorded that did not happen")
	x.answers(nil)
	require.Eventually(t, func() bool { return len(s.byText(id)) == 1 }, patience, soon)
	assert.Equal(t, 1, x.count())
}

func TestANumberThatIsNone(t *testing.T) {
	t.Parallel()
	s, x := openPhones(t)
	x.answers(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			return true // which texts there are, it says
		}
		refuse(w, http.StatusBadRequest, 21211)
		return false
	})
	s.start()
	id := ident.Order("checkout", "default", "no number")
	s.happens(id, onPhone, paid, cleared, scanned("SB1"))
	require.Eventually(t, func() bool { return len(s.byText(id)) == 1 }, patience, soon)
	assert.Equal(t, "failed", s.byText(id)[0].Outcome)
	assert.Equal(t, "twilio 21211", s.byText(id)[0].Reason)
}
