package ups

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

func delivered(t *testing.T) string {
	t.Helper()
	body, err := readFile("testdata/delivered.json")
	require.NoError(t, err)
	return body
}

func TestADelivery(t *testing.T) {
	t.Parallel()
	got := read(delivered(t))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, []string{"tracking:ups:1Z999AA10123456784|ups|1Z999AA10123456784|2026-03-02T08:41:50Z|DELIVERED|FS Delivered|MUNCHEN, DE"}, scantest.Lines(got.Facts))
	for _, hidden := range []string{"aGVsbG8", "EXAMPLE", "80331"} {
		assert.NotContains(t, got.Facts[0].String(), hidden)
	}
	assert.Equal(t, got.DeliveryID, read(strings.Replace(delivered(t), "aGVsbG8gZG9vcg==", "", 1)).DeliveryID, "with a photograph or without")
	assert.NotEqual(t, got.DeliveryID, read(strings.Replace(delivered(t), `"gmtActivityTime":"084150"`, `"gmtActivityTime":"084250"`, 1)).DeliveryID)
}

func TestAPhotographThatFillsTheBody(t *testing.T) {
	t.Parallel()
	got := read(strings.Replace(delivered(t), "aGVsbG8gZG9vcg==", strings.Repeat("aGVsbG8g", 1<<16), 1))
	require.Nil(t, got.Quarantine)
	assert.Less(t, len(got.Facts[0].String()), 500)
}

func TestTimes(t *testing.T) {
	t.Parallel()
	const (
		gmt    = `"gmtActivityDate":"20260302","gmtActivityTime":"084150"`
		offset = `"gmtOffset":"+01.00"`
		local  = `"localActivityDate":"20260302","localActivityTime":"094150"`
	)
	for name, c := range map[string]struct{ from, to, want string }{
		"GMT":                        {gmt, gmt, "2026-03-02T08:41:50Z"},
		"GMT of five digits":         {gmt, `"gmtActivityDate":20260302,"gmtActivityTime":84150`, "2026-03-02T08:41:50Z"},
		"local and an offset":        {gmt, `"gmtActivityDate":"","gmtActivityTime":""`, "2026-03-02T08:41:50Z"},
		"local, west of Greenwich":   {gmt + "," + offset, `"gmtOffset":"-04.30"`, "2026-03-02T14:11:50Z"},
		"local with a colon":         {gmt + "," + offset, `"gmtOffset":"-04:00"`, "2026-03-02T13:41:50Z"},
		"local alone":                {gmt + "," + offset, `"gmtOffset":""`, "2026-03-02T09:41:50Z"},
		"a GMT date without a time":  {gmt, `"gmtActivityDate":"20260302"`, "2026-03-02T08:41:50Z"},
		"none, so when it came here": {local + "," + gmt, `"gmtActivityDate":" "`, "2026-03-01T12:00:00Z"},
	} {
		body := delivered(t)
		require.Contains(t, body, c.from)
		got := read(strings.Replace(body, c.from, c.to, 1))
		require.Len(t, got.Facts, 1, name)
		assert.Equal(t, c.want, got.Facts[0].GetOccurredAt().AsTime().Format(time.RFC3339), name)
	}
}

func TestEveryStatus(t *testing.T) {
	t.Parallel()
	of := func(code, description, kind string) source.Reading {
		return read(`{"trackingNumber":"1Z1","gmtActivityDate":"20260302","gmtActivityTime":"084150","activityStatus":{"type":"` + kind + `","code":"` + code + `","descriptionCode":"` + description + `"}}`)
	}
	check := func(got source.Reading, step any, what string) {
		require.Nil(t, got.Quarantine, what)
		if step == source.NoScan {
			require.Empty(t, got.Facts, what)
			return
		}
		require.Len(t, got.Facts, 1, what)
		assert.Equal(t, step, got.Facts[0].GetScanReported().GetStep(), what)
	}
	for code, step := range codes {
		check(of(code, "013", "X"), step, code)
	}
	for description, step := range descriptions {
		check(of("??", description, "D"), step, description)
		check(of("", description, ""), step, description)
	}
	for kind, step := range types {
		check(of("??", "999", kind), step, kind)
	}
	check(of("OT", "021", "D"), source.OutForDelivery, "D is not delivered")
	assert.Equal(t, source.BadValue, of("??", "999", "D").Quarantine.GetReason())
	assert.Equal(t, source.BadValue, of("??", "11", "D").Quarantine.GetReason(), "a leading zero counts")
	assert.Equal(t, source.MissingField, of("", "", " ").Quarantine.GetReason())
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{
		"{":   source.NotJSON,
		"":    source.NotJSON,
		"{}":  source.MissingField,
		"[1]": source.BadValue,
		strings.Replace(delivered(t), " 1Z999AA10123456784", "", 1):                       source.MissingField,
		strings.Replace(delivered(t), "1Z999AA10123456784", strings.Repeat("1Z", 200), 1): source.BadValue,
		strings.Replace(delivered(t), `"activityStatus"`, `"status"`, 1):                  source.MissingField,
	} {
		got := read(body)
		assert.Equal(t, reason, got.Quarantine.GetReason(), body)
		assert.Empty(t, got.Facts)
	}
}

func TestPublishedExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"trackalert.delivered.json":        "tracking:ups:1Z204W4R0308071865|ups|1Z204W4R0308071865|2024-04-23T13:50:04Z|DELIVERED|FS Delivered|CHARLOTTE, NC, US",
		"trackalert.out_for_delivery.json": "tracking:ups:1Z204W4R0308071865|ups|1Z204W4R0308071865|2024-04-23T13:15:19Z|OUT_FOR_DELIVERY|OT Out for Delivery|Charlotte, NC, US",
	} {
		body, err := readFile("../../../../shared/fixtures/ups/" + file)
		if err != nil {
			t.Skip("UPS's published examples are not here")
		}
		got := read(body)
		assert.Nil(t, got.Quarantine, file)
		assert.Equal(t, []string{want}, scantest.Lines(got.Facts), file)
	}
}
