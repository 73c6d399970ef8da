package fedex

import (
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

func tracked(t *testing.T) string {
	t.Helper()
	body, err := readFile("testdata/tracking.json")
	require.NoError(t, err)
	return body
}

func TestTwoNumbersOfWhichOneIsUnknown(t *testing.T) {
	t.Parallel()
	got := read(tracked(t))
	assert.Equal(t, source.BadValue, got.Quarantine.GetReason())
	assert.Contains(t, got.Quarantine.GetDetail(), "trackResults[1]")
	assert.Equal(t, []string{
		"tracking:fedex:794600000001|fedex|794600000001|2026-03-02T16:05:10Z|OUT_FOR_DELIVERY|OD On FedEx vehicle for delivery|SEATTLE, WA, US",
		"tracking:fedex:794600000001|fedex|794600000001|2026-03-01T18:00:00Z|IN_TRANSIT|PU Picked up|PORTLAND, OR, US",
		"tracking:fedex:794600000001|fedex|794600000001|2026-03-02T17:30:00Z|DELIVERED|DL Delivered|SEATTLE, WA, US",
	}, scantest.Lines(got.Facts))
	for _, f := range got.Facts {
		assert.NotContains(t, f.String(), "EXAMPLE")
		assert.NotContains(t, f.String(), "Street")
	}
	assert.Equal(t, got.DeliveryID, read(strings.Replace(tracked(t), `"t-1"`, `"t-2"`, 1)).DeliveryID, "a delivery is known by its scans")
	assert.NotEqual(t, got.DeliveryID, read(strings.Replace(tracked(t), `08:05:10`, `08:06:10`, 1)).DeliveryID)
}

func TestEveryShape(t *testing.T) {
	t.Parallel()
	const result = `{"trackingNumberInfo":{"trackingNumber":"1"},"scanEvents":[{"date":"2026-03-01T10:00:00-08:00","eventType":"PU"}]}`
	for _, body := range []string{
		`{"trackResults":[` + result + `]}`,
		`{"output":{"trackResults":[` + result + `]}}`,
		`{"completeTrackResults":[{"trackingNumber":"2","trackResults":[` + result + `]}]}`,
		`{"output":{"completeTrackResults":[{"trackResults":[` + result + `]}]}}`,
		`{"output":{"completeTrackResults":[{"trackingNumber":"1","trackResults":[` + strings.Replace(result, `"1"`, `""`, 1) + `]}]}}`,
	} {
		got := read(body)
		assert.Nil(t, got.Quarantine, body)
		assert.Equal(t, []string{"tracking:fedex:1|fedex|1|2026-03-01T18:00:00Z|IN_TRANSIT|PU|"}, scantest.Lines(got.Facts), body)
	}
}

func TestWhatAScanDoesNotSayTheLatestStatusSays(t *testing.T) {
	t.Parallel()
	of := func(rest string) source.Reading {
		return read(`{"trackResults":[{"trackingNumberInfo":{"trackingNumber":"1"},` + rest + `}]}`)
	}
	assert.Equal(t, []string{"tracking:fedex:1|fedex|1|2026-03-01T12:00:00Z|EXCEPTION|DE|"}, scantest.Lines(of(`"latestStatusDetail":{"code":"DE"}`).Facts))
	assert.Equal(t, []string{"tracking:fedex:1|fedex|1|2026-03-01T09:00:00Z|DELIVERED|DL|"},
		scantest.Lines(of(`"latestStatusDetail":{"code":"DL"},"dateAndTimes":[{"type":"ACTUAL_DELIVERY","dateTime":"2026-03-01T09:00:00"}]`).Facts))
	told := of(`"latestStatusDetail":{"code":"OC","derivedCode":"IN"},"scanEvents":[{"date":"","eventType":""}]`)
	assert.Nil(t, told.Quarantine)
	assert.Empty(t, told.Facts)
}

func TestEveryCode(t *testing.T) {
	t.Parallel()
	of := func(code, derived string) source.Reading {
		return read(`{"trackResults":[{"trackingNumberInfo":{"trackingNumber":"1"},"scanEvents":[{"date":"2026-03-01T10:00:00Z","eventType":"` + code + `","derivedStatusCode":"` + derived + `"}]}]}`)
	}
	for code, step := range codes {
		got := of(code, "??")
		require.Nil(t, got.Quarantine, code)
		if step == source.NoScan {
			require.Empty(t, got.Facts, code)
			continue
		}
		assert.Equal(t, step, got.Facts[0].GetScanReported().GetStep(), code)
	}
	assert.Equal(t, source.InTransit, of("Z9", "IT").Facts[0].GetScanReported().GetStep(), "the derived status stands in")
	assert.Equal(t, source.BadValue, of("Z9", "Z8").Quarantine.GetReason())
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
		{`{"trackResults":[{}]}`, source.MissingField, 0},
		{`{"trackResults":[{"latestStatusDetail":{"code":"DL"}}]}`, source.MissingField, 0},
		{`{"trackResults":[{"error":{"code":"TRACKING.TRACKINGNUMBER.NOTFOUND"}}]}`, source.BadValue, 0},
		{`{"trackResults":[{"trackingNumberInfo":{"trackingNumber":"1"},"error":{"code":"X"},"latestStatusDetail":{"code":"DL"}}]}`, "", 1},
		{strings.Repeat(`{"output":`, 40) + `{}` + strings.Repeat(`}`, 40), source.MissingField, 0},
		{strings.Replace(tracked(t), `"eventType":"OD"`, `"eventType":"Z9"`, 1), source.BadValue, 3},
		{strings.Replace(strings.Replace(tracked(t), `"eventType":"OD"`, `"eventType":"Z9"`, 1), `"derivedStatusCode":"IT"`, `"derivedStatusCode":"Z8"`, 1), source.BadValue, 2},
	} {
		got := read(c.body)
		assert.Equal(t, c.reason, got.Quarantine.GetReason(), c.body)
		assert.Len(t, got.Facts, c.facts, c.body)
	}
}

func TestThePublishedExampleIsAccepted(t *testing.T) {
	t.Parallel()
	body, err := readFile("../../../../shared/fixtures/fedex/track_response.json")
	if err != nil {
		t.Skip("FedEx's published example is not here")
	}
	got := read(body)
	assert.Equal(t, []string{"tracking:fedex:128667043726|fedex|128667043726|2018-02-02T19:01:00Z|IN_TRANSIT|PU Picked Up|SEATTLE, WA, US"}, scantest.Lines(got.Facts))
	assert.Equal(t, source.BadValue, got.Quarantine.GetReason(), "its second number is not found")
}
