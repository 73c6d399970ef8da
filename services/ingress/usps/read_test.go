package usps

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

func read(body string) source.Reading {
	return New().Read(source.Request{Header: http.Header{}, Body: []byte(body), ReceivedAt: time.Unix(1772366400, 0)}, source.Account{})
}

func readFile(name string) (string, error) {
	body, err := os.ReadFile(name)
	return string(body), err
}

func aNotification(t *testing.T) string {
	t.Helper()
	body, err := readFile("testdata/notification.json")
	require.NoError(t, err)
	return body
}

// telling is a notification with this payload.
func telling(t *testing.T, payload string) string {
	t.Helper()
	text, err := json.Marshal(payload)
	require.NoError(t, err)
	return `{"subscriptionType":"TRACKING","timestamp":"2026-03-02T19:00:00Z","payload":` + string(text) + `}`
}

func TestANotification(t *testing.T) {
	t.Parallel()
	got := read(aNotification(t))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, "TRACKING", got.Topic)
	assert.Equal(t, []string{
		"tracking:usps:9400109104250532908587|usps|9400109104250532908587|2026-03-02T18:58:40Z|DELIVERED|01 Delivered, Parcel Locker|HERNANDO, FL",
		"tracking:usps:9400109104250532908587|usps|9400109104250532908587|2026-03-02T14:10:00Z|OUT_FOR_DELIVERY|OF Out for Delivery|HERNANDO, FL",
		"tracking:usps:9400109104250532908587|usps|9400109104250532908587|2026-03-01T23:07:58Z|IN_TRANSIT|NT In Transit to Next Facility|",
	}, scantest.Lines(got.Facts))
	assert.Equal(t, got.DeliveryID, read(strings.Replace(aNotification(t), "2026-03-02T19:00:00Z", "2026-03-02T19:05:00Z", 1)).DeliveryID, "told again it is the same")
}

func TestAPayloadByItself(t *testing.T) {
	t.Parallel()
	var n struct {
		Payload string `json:"payload"`
	}
	require.NoError(t, json.Unmarshal([]byte(aNotification(t)), &n))
	assert.Equal(t, scantest.Lines(read(aNotification(t)).Facts), scantest.Lines(read(n.Payload).Facts))
}

func TestAStatusAlone(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		`"status":"Delivered"`: "2026-03-02T19:00:00Z|DELIVERED|Delivered|",
		`"status":"Your item arrived","statusCategory":"In Transit"`:    "2026-03-02T19:00:00Z|IN_TRANSIT|Your item arrived|",
		`"status":"Out for Delivery, Expected Delivery by 9:00pm"`:      "2026-03-02T19:00:00Z|OUT_FOR_DELIVERY|Out for Delivery, Expected Delivery by 9:00pm|",
		`"status":"Delivered to Agent for Final Delivery"`:              "2026-03-02T19:00:00Z|IN_TRANSIT|Delivered to Agent for Final Delivery|",
		`"status":"Held at Post Office","statusCategory":"Alert"`:       "2026-03-02T19:00:00Z|EXCEPTION|Held at Post Office|",
		`"statusCategory":"Delivery Attempt"`:                           "2026-03-02T19:00:00Z|EXCEPTION|Delivery Attempt|",
		`"statusCategory":"Pre-Shipment","status":"Label Created"`:      "",
		`"statusCategory":"Accepted","status":"USPS picked up item"`:    "2026-03-02T19:00:00Z|IN_TRANSIT|USPS picked up item|",
		`"status":"Return to Sender Processed","statusCategory":"Hmm?"`: "2026-03-02T19:00:00Z|RETURNED|Return to Sender Processed|",
	} {
		got := read(telling(t, `{"trackingNumber":"9400",`+status+`}`))
		require.Nil(t, got.Quarantine, status)
		var lines []string
		if want != "" {
			lines = []string{"tracking:usps:9400|usps|9400|" + want}
		}
		assert.Equal(t, lines, scantest.Lines(got.Facts), status)
	}
}

func TestEveryCode(t *testing.T) {
	t.Parallel()
	of := func(code, words string) source.Reading {
		return read(telling(t, `{"trackingNumber":"9400","trackingEvents":[{"eventCode":"`+code+`","eventType":"`+words+`","GMTTimestamp":"2026-03-02T18:58:40Z"}]}`))
	}
	for code, step := range codes {
		got := of(code, "Delivered")
		require.Nil(t, got.Quarantine, code)
		if step == source.NoScan {
			require.Empty(t, got.Facts, code)
			continue
		}
		assert.Equal(t, step, got.Facts[0].GetScanReported().GetStep(), code)
	}
	for words, step := range map[string]any{
		"Delivered, Front Door/Porch": source.Delivered, "DELIVERED": source.Delivered, "Arrived at USPS Regional Facility": source.InTransit, "Departed Post Office": source.InTransit,
		"Notice Left (No Authorized Recipient Available)": source.Exception, "Dead Mail/Disposed by USPS": source.Lost, "Arriving Late": source.InTransit,
	} {
		assert.Equal(t, step, of("Z9", words).Facts[0].GetScanReported().GetStep(), words)
	}
	assert.Equal(t, source.BadValue, of("Z9", "Beamed up").Quarantine.GetReason())
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]string{
		`"GMTTimestamp":"2026-03-02T18:58:40Z","eventTimestamp":"2026-03-02T13:58:00","GMTOffset":"-05:00"`: "2026-03-02T18:58:40Z",
		`"GMTTimestamp":"","eventTimestamp":"2026-03-02T13:58:00","GMTOffset":"-05:00"`:                     "2026-03-02T18:58:00Z",
		`"eventTimestamp":"2026-03-02T13:58:00"`:                                                            "2026-03-02T13:58:00Z",
		`"eventTimestamp":"2026-03-02T13:58:00","GMTOffset":"EST"`:                                          "2026-03-02T13:58:00Z",
		`"eventTimestamp":null`: "2026-03-01T12:00:00Z",
	} {
		got := read(telling(t, `{"trackingNumber":"9400","trackingEvents":[{"eventCode":"01",`+told+`}]}`))
		require.Len(t, got.Facts, 1, told)
		assert.Equal(t, want, got.Facts[0].GetOccurredAt().AsTime().Format(time.RFC3339), told)
	}
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body, reason string
		facts        int
	}{
		{"{", source.NotJSON, 0},
		{"{}", source.MissingField, 0},
		{"[1]", source.BadValue, 0},
		{telling(t, "no JSON"), source.NotJSON, 0},
		{telling(t, `[]`), source.BadValue, 0},
		{telling(t, `{"status":"Delivered"}`), source.MissingField, 0},
		{telling(t, `{"trackingNumber":"9400"}`), source.MissingField, 0},
		{telling(t, `{"trackingNumber":"9400","status":"Beamed up"}`), source.BadValue, 0},
		{strings.Replace(aNotification(t), "TRACKING", "LABELS", 1), source.UnknownTopic, 0},
		{strings.Replace(strings.Replace(aNotification(t), `\"NT\"`, `\"Z9\"`, 1), "In Transit to Next Facility", "Beamed up", 1), source.BadValue, 2},
	} {
		got := read(c.body)
		assert.Equal(t, c.reason, got.Quarantine.GetReason(), c.body)
		assert.Len(t, got.Facts, c.facts, c.body)
	}
}

func TestPublishedExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	for file, facts := range map[string]int{"subscription_notification.json": 1, "tracking_payload.json": 11} {
		body, err := readFile("../../../../shared/fixtures/usps/" + file)
		if err != nil {
			t.Skip("USPS's published examples are not here")
		}
		for _, body := range []string{body, telling(t, body)} {
			if file == "subscription_notification.json" && strings.Contains(body, `\\`) {
				continue // a notification in a notification
			}
			got := read(body)
			assert.Nil(t, got.Quarantine, file)
			assert.Len(t, got.Facts, facts, file)
		}
	}
}
