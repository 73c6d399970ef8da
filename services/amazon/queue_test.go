package amazon

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
)

var noLog = zerolog.Nop()

// standIn is an SQS as it speaks on the wire (AWS JSON 1.0), with long polling and messages that are hidden for a while.
type standIn struct {
	t   *testing.T
	url string

	mu       sync.Mutex
	messages []*held
	changed  chan struct{} // closed when something may be received again
	receives int
	deleted  int
	hidden   []int // the visibility timeouts that were asked for
	refuse   string
}

type held struct {
	id, body, handle string
	received         int
	until            time.Time
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{t: t, changed: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *standIn) put(bodies ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range bodies {
		s.messages = append(s.messages, &held{id: "m-" + strconv.Itoa(len(s.messages)), body: b})
	}
	s.show()
}

// show wakes whoever waits for messages. It is called with the lock held.
func (s *standIn) show() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// appear shows every hidden message, as if its time had passed.
func (s *standIn) appear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		m.until = time.Time{}
	}
	s.show()
}

func (s *standIn) serve(w http.ResponseWriter, r *http.Request) {
	assert.Equal(s.t, "application/x-amz-json-1.0", r.Header.Get("Content-Type"))
	assert.Regexp(s.t, `^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/sqs/aws4_request, `, r.Header.Get("Authorization"))
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if refuse != "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"__type":"com.amazonaws.sqs#%s","message":"no"}`, refuse)
		return
	}
	var in struct {
		QueueURL   string `json:"QueueUrl"`
		Most       int    `json:"MaxNumberOfMessages"`
		Wait       int    `json:"WaitTimeSeconds"`
		Visibility int    `json:"VisibilityTimeout"`
		Entries    []struct {
			ID     string `json:"Id"`
			Handle string `json:"ReceiptHandle"`
		}
	}
	if !assert.NoError(s.t, json.NewDecoder(r.Body).Decode(&in)) {
		return
	}
	assert.Equal(s.t, s.url+"/123456789012/orders", in.QueueURL)
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "AmazonSQS.ReceiveMessage":
		assert.Equal(s.t, 20, in.Wait)
		s.say(w, map[string]any{"Messages": s.receive(r.Context(), in.Most, in.Visibility)})
	case "AmazonSQS.DeleteMessageBatch":
		ok, failed := []any{}, []any{}
		for _, e := range in.Entries {
			if s.remove(e.Handle) {
				ok = append(ok, map[string]string{"Id": e.ID})
			} else {
				failed = append(failed, map[string]any{"Id": e.ID, "Code": "ReceiptHandleIsInvalid", "SenderFault": true})
			}
		}
		s.say(w, map[string]any{"Successful": ok, "Failed": failed})
	default:
		assert.Fail(s.t, "nobody asked for that", target)
	}
}

func (s *standIn) say(w http.ResponseWriter, out any) {
	assert.NoError(s.t, json.NewEncoder(w).Encode(out))
}

func (s *standIn) receive(ctx context.Context, most, visibility int) []map[string]any {
	for {
		s.mu.Lock()
		changed := s.changed
		var out []map[string]any
		for _, m := range s.messages {
			if len(out) == most || time.Now().Before(m.until) {
				continue
			}
			m.received++
			m.until = time.Now().Add(time.Duration(visibility) * time.Second)
			m.handle = m.id + "/" + strconv.Itoa(m.received)
			sum := md5.Sum([]byte(m.body))
			out = append(out, map[string]any{"MessageId": m.id, "ReceiptHandle": m.handle, "Body": m.body, "MD5OfBody": hex.EncodeToString(sum[:])})
		}
		s.receives++
		s.hidden = append(s.hidden, visibility)
		s.mu.Unlock()
		if len(out) > 0 {
			return out
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// remove takes a message away by the handle with which it was received last.
func (s *standIn) remove(handle string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, m := range s.messages {
		if m.handle == handle {
			s.messages = append(s.messages[:n], s.messages[n+1:]...)
			s.deleted++
			return true
		}
	}
	return false
}

func (s *standIn) counts() (left, deleted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages), s.deleted
}

// poll reads the stand-in until the test ends.
func (w *world) poll(s *standIn) (q *queue, stop func()) {
	w.t.Helper()
	c := &Config{Region: "eu-west-1", Endpoint: s.url}
	client, err := newSQS(w.t.Context(), c, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")),
		config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil))
	require.NoError(w.t, err)
	log := zerolog.New(w.log)
	w.keep.log = log
	q = &queue{sqs: client, url: s.url + "/123456789012/orders", visibility: time.Minute, keep: w.keep, metrics: newMetrics(w.registry), log: log}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(w.t, <-ended)
	})
	w.t.Cleanup(stop)
	return q, stop
}

// What stands in the queue, bare or in SNS's envelope, becomes what a webhook would have become, and is deleted then.
func TestMessagesAreKeptAndThenDeleted(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newStandIn(t)
	count := `{"NotificationType":"LISTINGS_ITEM_MFN_QUANTITY_CHANGE","EventTime":"2026-03-01T12:00:00Z","Payload":{"FulfillmentChannelCode":"DEFAULT","Sku":"MUG","Quantity":17},"NotificationMetadata":{"NotificationId":"n-1"}}`
	enclosed, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "m-9", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders", "Message": count, "Timestamp": "2026-03-01T12:00:01.000Z"})
	require.NoError(t, err)
	s.put(count, string(enclosed), count, "no JSON")
	_, stop := w.poll(s)
	w.eventually(func() bool { _, deleted := s.counts(); return deleted == 4 }, "all are deleted")
	kept := w.kept("LISTINGS_ITEM_MFN_QUANTITY_CHANGE")
	require.Len(t, kept, 2, "the same message twice is one delivery")
	for _, d := range kept {
		require.Len(t, d.GetFacts(), 1)
		assert.Equal(t, "MUG", d.GetFacts()[0].GetStockReported().GetSku())
		assert.EqualValues(t, 17, d.GetFacts()[0].GetStockReported().GetOnHand())
		assert.Equal(t, "n-1", d.GetDeliveryId())
	}
	bad := w.kept("")
	require.Len(t, bad, 1)
	assert.Equal(t, "not_json", bad[0].GetQuarantine().GetReason())
	assert.Equal(t, "no JSON", string(bad[0].GetBody()))

	for n := range 25 { // more than one batch
		s.put(fmt.Sprintf(`{"NotificationType":"REPORT_PROCESSING_FINISHED","NotificationMetadata":{"NotificationId":"%d"}}`, n))
	}
	w.eventually(func() bool { _, deleted := s.counts(); return deleted == 29 }, "all are deleted")
	assert.Len(t, w.kept("REPORT_PROCESSING_FINISHED"), 25)
	assert.InDelta(t, 28, w.counted("orderflow_amazon_messages_total", done), 0)
	assert.InDelta(t, 1, w.counted("orderflow_amazon_messages_total", known), 0)
	stop() // while it waits for messages
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seconds := range s.hidden {
		assert.Equal(t, 60, seconds)
	}
}

// What cannot be kept is not deleted, and comes again.
func TestWhatIsNotKeptStaysInTheQueue(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newStandIn(t)
	stream, err := w.js.Stream(t.Context(), bus.Intake)
	require.NoError(t, err)
	full := stream.CachedInfo().Config
	full.MaxMsgs = 0
	full.MaxBytes = 1
	_, err = w.js.UpdateStream(t.Context(), full)
	require.NoError(t, err)
	s.put(`{"NotificationType":"REPORT_PROCESSING_FINISHED"}`, `{"NotificationType":"FEED_PROCESSING_FINISHED"}`)
	w.poll(s)
	w.eventually(func() bool { return w.counted("orderflow_amazon_messages_total", later) == 2 }, "neither is kept")
	left, deleted := s.counts()
	assert.Equal(t, []int{2, 0}, []int{left, deleted})

	full.MaxBytes = -1
	_, err = w.js.UpdateStream(t.Context(), full)
	require.NoError(t, err)
	s.appear()
	w.eventually(func() bool { _, deleted := s.counts(); return deleted == 2 }, "both are kept in the end")
	assert.Len(t, w.kept("FEED_PROCESSING_FINISHED"), 1)
}

// A message that was kept and could not be deleted comes again, and is known.
func TestWhatIsKeptAndNotDeletedIsKnown(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newStandIn(t)
	body := `{"NotificationType":"REPORT_PROCESSING_FINISHED"}`
	_, err := w.keep.keep(t.Context(), []byte(body))
	require.NoError(t, err)
	s.put(body)
	w.poll(s)
	w.eventually(func() bool { _, deleted := s.counts(); return deleted == 1 }, "it is deleted")
	assert.InDelta(t, 1, w.counted("orderflow_amazon_messages_total", known), 0)
	assert.Len(t, w.kept("REPORT_PROCESSING_FINISHED"), 1)
}

// A queue that is not there is told, and looked for again.
func TestAQueueThatIsNotThereIsTold(t *testing.T) {
	t.Parallel()
	w, s := newWorld(t), newStandIn(t)
	s.refuse = "QueueDoesNotExist"
	_, stop := w.poll(s)
	w.eventually(func() bool { return strings.Contains(w.log.String(), "QueueDoesNotExist") }, "it is told")
	s.mu.Lock()
	s.refuse = ""
	s.mu.Unlock()
	s.put(`{"NotificationType":"REPORT_PROCESSING_FINISHED"}`)
	w.eventually(func() bool { _, deleted := s.counts(); return deleted == 1 }, "it goes on")
	stop()
}
