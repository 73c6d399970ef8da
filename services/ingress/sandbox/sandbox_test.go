package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

const aScan = `{"type":"tracking.updated","timestamp":"2026-03-01T12:00:00Z","data":{"tracking_number":"SB1","reference":"1/1","scan_id":"SB1-2",
	"status":"in_transit","code":"PU","location":"Berlin","occurred_at":"2026-03-01T11:59:00Z"}}`

var received = time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)

func read(body string) source.Reading {
	return New().Read(source.Request{Header: http.Header{"Webhook-Id": {"msg_1"}}, Body: []byte(body), ReceivedAt: received}, source.Account{})
}

func TestAScan(t *testing.T) {
	t.Parallel()
	got := read(aScan)
	require.Nil(t, got.Quarantine)
	require.Len(t, got.Facts, 1)
	f := got.Facts[0]
	assert.Equal(t, []string{"tracking:sandbox:SB1"}, f.GetReferences())
	assert.Equal(t, "2026-03-01T11:59:00Z", f.GetOccurredAt().AsTime().Format(time.RFC3339))
	want := &intakev1.ScanReported{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "SB1-2", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, Code: "PU", Location: "Berlin"}
	assert.True(t, proto.Equal(want, f.GetScanReported()), f)
}

func TestEveryStatus(t *testing.T) {
	t.Parallel()
	for status, step := range steps {
		got := read(strings.Replace(aScan, "in_transit", status, 1))
		require.Len(t, got.Facts, 1)
		assert.Equal(t, step, got.Facts[0].GetScanReported().GetStep())
	}
}

func TestAScanWithoutIDHasTheSameOneEachTime(t *testing.T) {
	t.Parallel()
	bare := strings.Replace(aScan, `"scan_id":"SB1-2",`, "", 1)
	id := read(bare).Facts[0].GetScanReported().GetScanId()
	assert.NotEmpty(t, id)
	assert.Equal(t, id, read(bare + "\n").Facts[0].GetScanReported().GetScanId())
	assert.NotEqual(t, id, read(strings.Replace(bare, "in_transit", "delivered", 1)).Facts[0].GetScanReported().GetScanId())
}

func TestATimeIsFound(t *testing.T) {
	t.Parallel()
	without := strings.Replace(aScan, `,"occurred_at":"2026-03-01T11:59:00Z"`, "", 1)
	assert.Equal(t, "2026-03-01T12:00:00Z", read(without).Facts[0].GetOccurredAt().AsTime().Format(time.RFC3339))
	without = strings.Replace(without, `"timestamp":"2026-03-01T12:00:00Z",`, "", 1)
	assert.Equal(t, received, read(without).Facts[0].GetOccurredAt().AsTime())
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{
		"{":   source.NotJSON,
		"{}":  source.MissingField,
		"[1]": source.BadValue,
		strings.Replace(aScan, "tracking.updated", "label.bought", 1):        source.UnknownTopic,
		strings.Replace(aScan, `"tracking_number":"SB1",`, "", 1):            source.MissingField,
		strings.Replace(aScan, `"status":"in_transit",`, "", 1):              source.MissingField,
		strings.Replace(aScan, "in_transit", "teleported", 1):                source.BadValue,
		strings.Replace(aScan, `"SB1"`, `"`+strings.Repeat("S", 300)+`"`, 1): source.BadValue,
	} {
		got := read(body)
		assert.Equal(t, reason, got.Quarantine.GetReason(), body)
		assert.Empty(t, got.Facts)
	}
}
