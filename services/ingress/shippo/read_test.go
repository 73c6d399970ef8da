package shippo

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

func read(body string) source.Reading {
	return New().Read(source.Request{Header: http.Header{}, Body: []byte(body), ReceivedAt: now}, source.Account{})
}

func readFile(name string) (string, error) {
	body, err := os.ReadFile(name)
	return string(body), err
}

func anUpdate(t *testing.T) string {
	t.Helper()
	body, err := readFile("testdata/track_updated.json")
	require.NoError(t, err)
	return body
}

func TestAnUpdate(t *testing.T) {
	t.Parallel()
	got := read(anUpdate(t))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, "track_updated", got.Topic)
	assert.False(t, got.Test)
	assert.Equal(t, []string{
		"tracking:ups:1Z999AA10123456784|ups|1Z999AA10123456784|2026-03-01T14:48:12Z|IN_TRANSIT|package_accepted Origin scan.|Köln, NW, DE",
		"tracking:ups:1Z999AA10123456784|ups|1Z999AA10123456784|2026-03-02T06:10:00Z|OUT_FOR_DELIVERY|out_for_delivery Out for delivery.|München, BY, DE",
		"tracking:ups:1Z999AA10123456784|ups|1Z999AA10123456784|2026-03-02T08:41:33Z|DELIVERED|delivered Your shipment has been delivered.|München, BY, DE",
	}, scantest.Lines(got.Facts))
	assert.Equal(t, got.DeliveryID, read(anUpdate(t)+"\n").DeliveryID, "the same delivery comes twice")
}

func TestAStatusThatIsNull(t *testing.T) {
	t.Parallel()
	got := read(`{"event":"track_updated","test":true,"data":{"carrier":"shippo","tracking_number":"SHIPPO_UNKNOWN","tracking_status":null,"tracking_history":[]}}`)
	assert.Nil(t, got.Quarantine)
	assert.Empty(t, got.Facts)
	assert.True(t, got.Test)
}

func TestEveryStatus(t *testing.T) {
	t.Parallel()
	of := func(status, substatus string) source.Reading {
		return read(`{"event":"track_updated","carrier":"usps","data":{"tracking_number":9007199254740993,"tracking_status":{"status":"` + status +
			`","substatus":{"code":"` + substatus + `"},"status_date":"2026-03-01T00:00:00Z"}}}`)
	}
	for status, step := range statuses {
		got := of(status, "other")
		require.Nil(t, got.Quarantine, status)
		if step == source.NoScan {
			require.Empty(t, got.Facts, status)
			continue
		}
		assert.Equal(t, step, got.Facts[0].GetScanReported().GetStep(), status)
		assert.Equal(t, []string{"tracking:usps:9007199254740993"}, got.Facts[0].GetReferences())
	}
	for substatus, step := range closer {
		assert.Equal(t, step, of("TRANSIT", substatus).Facts[0].GetScanReported().GetStep(), substatus)
		assert.Equal(t, source.Delivered, of("DELIVERED", substatus).Facts[0].GetScanReported().GetStep(), substatus)
	}
	assert.Equal(t, source.BadValue, of("BEAMED", "").Quarantine.GetReason())
	assert.Equal(t, source.MissingField, of("", "").Quarantine.GetReason())
}

func TestWhatOrdersDoNotNeed(t *testing.T) {
	t.Parallel()
	for _, event := range []string{"transaction_created", "transaction_updated", "batch_created", "batch_purchased"} {
		got := read(`{"event":"` + event + `","test":false,"data":{"status":"SUCCESS","tracking_history":"","tracking_status":"UNKNOWN"}}`)
		assert.Nil(t, got.Quarantine, event)
		assert.Empty(t, got.Facts)
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
		{`{"event":"all"}`, source.UnknownTopic, 0},
		{`{"event":"track_updated"}`, source.MissingField, 0},
		{`{"event":"track_updated","data":{"tracking_number":"1"}}`, source.MissingField, 0},
		{`{"event":"track_updated","data":{"carrier":"ups"}}`, source.MissingField, 0},
		{strings.Replace(anUpdate(t), `"status":"TRANSIT"`, `"status":"BEAMED"`, 1), source.BadValue, 2},
		{strings.Replace(anUpdate(t), `"metadata":"Order 1001"`, `"metadata":{"a":1}`, 1), "", 3},
	} {
		got := read(c.body)
		assert.Equal(t, c.reason, got.Quarantine.GetReason(), c.body)
		assert.Len(t, got.Facts, c.facts, c.body)
	}
}

func TestPublishedExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../shared/fixtures/shippo/*.json")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("Shippo's published examples are not here")
	}
	facts := map[string]int{"track.usps.json": 9}
	for _, file := range files {
		body, err := readFile(file)
		require.NoError(t, err)
		event := map[bool]string{true: "track_updated", false: "transaction_created"}[strings.Contains(file, "track.")]
		for _, body := range []string{body, `{"event":"` + event + `","test":false,"data":` + body + `}`} {
			got := read(body)
			assert.Nil(t, got.Quarantine, file)
			assert.Len(t, got.Facts, facts[filepath.Base(file)], file)
		}
	}
}
