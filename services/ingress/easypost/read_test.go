package easypost

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

var received = time.Date(2026, 3, 2, 9, 0, 5, 0, time.UTC)

func read(body string) source.Reading {
	return New().Read(source.Request{Header: http.Header{}, Body: []byte(body), ReceivedAt: received}, source.Account{})
}

func readFile(name string) (string, error) {
	body, err := os.ReadFile(name)
	return string(body), err
}

func aTracker(t *testing.T) string {
	t.Helper()
	body, err := readFile("testdata/tracker.updated.json")
	require.NoError(t, err)
	return body
}

func TestATracker(t *testing.T) {
	t.Parallel()
	got := read(aTracker(t))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, []string{"tracker.updated", "evt_7f3a"}, []string{got.Topic, got.DeliveryID})
	assert.False(t, got.Test)
	assert.Equal(t, []string{
		"tracking:ups:1Z999AA10123456784|ups|1Z999AA10123456784|2026-03-02T08:41:00Z|DELIVERED|FS DELIVERED|MÜNCHEN, BY, DE",
		"tracking:ups:1Z999AA10123456784|ups|1Z999AA10123456784|2026-03-01T14:48:00Z|IN_TRANSIT|OR ORIGIN SCAN|KÖLN, NW, DE",
		"tracking:ups:1Z999AA10123456784|ups|1Z999AA10123456784|2026-03-02T06:10:00Z|OUT_FOR_DELIVERY|OT OUT FOR DELIVERY|MÜNCHEN, BY, DE",
	}, scantest.Lines(got.Facts))
	for _, f := range got.Facts {
		assert.NotContains(t, f.String(), "EXAMPLE", "who signed is a person")
	}
}

func TestAHistoryThatGrewTellsTheOldScansAgain(t *testing.T) {
	t.Parallel()
	late := read(aTracker(t)).Facts
	early := read(strings.Replace(strings.Replace(aTracker(t), `"status":"delivered","status_detail":"arrived_at_destination","datetime"`, `"status":"pre_transit","datetime"`, 1),
		`"status":"delivered","status_detail":"arrived_at_destination","signed_by"`, `"status":"out_for_delivery","signed_by"`, 1)).Facts
	require.Len(t, early, 2)
	for i, f := range early {
		assert.Equal(t, late[i+1].GetScanReported().GetScanId(), f.GetScanReported().GetScanId())
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	got := read(strings.ReplaceAll(aTracker(t), `"production"`, `"test"`))
	assert.True(t, got.Test)
	assert.Len(t, got.Facts, 3)
}

func TestEveryStatus(t *testing.T) {
	t.Parallel()
	of := func(status, detail string) string {
		return `{"description":"tracker.created","mode":"production","id":"evt_1","result":{"tracking_code":"1","carrier":"USPS","status":"unknown","tracking_details":[
			{"status":"` + status + `","status_detail":"` + detail + `","datetime":"2026-03-01T00:00:00Z"}]}}`
	}
	for status, step := range statuses {
		got := read(of(status, "status_update"))
		require.Nil(t, got.Quarantine, status)
		if step == source.NoScan {
			require.Empty(t, got.Facts, status)
			continue
		}
		require.Len(t, got.Facts, 1, status)
		assert.Equal(t, step, got.Facts[0].GetScanReported().GetStep(), status)
	}
	for _, c := range []struct {
		status, detail string
		step           intakev1.ScanStep
	}{
		{"failure", "lost", source.Lost}, {"in_transit", "return", source.Returned}, {"in_transit", "out_for_delivery", source.OutForDelivery},
		{"in_transit", "transit_exception", source.Exception}, {"delivered", "return", source.Delivered}, {"return_to_sender", "lost", source.Returned},
	} {
		assert.Equal(t, c.step, read(of(c.status, c.detail)).Facts[0].GetScanReported().GetStep(), c)
	}
	got := read(of("beamed", ""))
	assert.Equal(t, source.BadValue, got.Quarantine.GetReason())
	assert.Empty(t, got.Facts)
}

func TestWhatTheHistoryLeavesOutIsToldByTheStatus(t *testing.T) {
	t.Parallel()
	bare := `{"description":"tracker.updated","id":"evt_1","result":{"tracking_code":"1","carrier":"FedEx","status":"delivered","updated_at":"2026-03-02T08:59:00Z","tracking_details":[]}}`
	assert.Equal(t, []string{"tracking:fedex:1|fedex|1|2026-03-02T08:59:00Z|DELIVERED|delivered|"}, scantest.Lines(read(bare).Facts))
	moved := strings.Replace(bare, `"tracking_details":[]`, `"tracking_details":[{"status":"in_transit","datetime":"2026-03-01T10:00:00Z"}]`, 1)
	assert.Equal(t, []string{"tracking:fedex:1|fedex|1|2026-03-01T10:00:00Z|IN_TRANSIT||", "tracking:fedex:1|fedex|1|2026-03-01T10:00:00Z|DELIVERED|delivered|"}, scantest.Lines(read(moved).Facts))
}

func TestWhatOrdersDoNotNeed(t *testing.T) {
	t.Parallel()
	for _, description := range []string{"batch.updated", "scan_form.created", "insurance.purchased", "refund.successful", "payment.created", "report.done", "shipment.invoice.created", "claim.submitted"} {
		got := read(`{"id":"evt_1","mode":"test","description":"` + description + `","result":{"status":{"created":0},"tracking_details":"none"}}`)
		assert.Nil(t, got.Quarantine, description)
		assert.Empty(t, got.Facts)
		assert.Equal(t, description, got.Topic)
	}
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body, reason string
		facts        int
	}{
		{"{", source.NotJSON, 0},
		{"", source.NotJSON, 0},
		{"{}", source.MissingField, 0},
		{"[1]", source.BadValue, 0},
		{`{"description":"tracker.deleted"}`, source.UnknownTopic, 0},
		{`{"description":"tracker.updated"}`, source.MissingField, 0},
		{`{"description":"tracker.updated","result":{"tracking_code":"1","carrier":"UPS"}}`, source.MissingField, 0},
		{`{"description":"tracker.updated","result":{"tracking_code":"1","carrier":"UPS","status":"error"}}`, source.BadValue, 0},
		{strings.Replace(aTracker(t), `"UPSDAP"`, "null", 1), source.MissingField, 0},
		{strings.Replace(aTracker(t), `"1z999aa1 0123456784"`, `""`, 1), source.MissingField, 0},
		{strings.Replace(aTracker(t), `"1z999aa1 0123456784"`, `"`+strings.Repeat("1", 300)+`"`, 1), source.BadValue, 0},
		{strings.Replace(aTracker(t), `"status":"in_transit","status_detail"`, `"status":"beamed","status_detail"`, 1), source.BadValue, 2},
	} {
		got := read(c.body)
		assert.Equal(t, c.reason, got.Quarantine.GetReason(), c.body)
		assert.Len(t, got.Facts, c.facts, c.body)
	}
}

func TestPublishedExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../shared/fixtures/easypost/*.json")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("EasyPost's published examples are not here")
	}
	facts := map[string]int{"tracker.updated.json": 5}
	for _, file := range files {
		if filepath.Base(file) == "rest.shipment_buy.json" {
			continue // an answer of the API, and no tracker
		}
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		got := read(string(body))
		assert.Nil(t, got.Quarantine, file)
		assert.Len(t, got.Facts, facts[filepath.Base(file)], file)
	}
}
