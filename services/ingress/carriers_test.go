package ingress

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/tracing"
	"github.com/orderflow/orderflow/pkg/web"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// carrierBodies are what the carriers send, and how many scans are in it.
var carrierBodies = map[string]struct {
	file  string
	scans int
}{
	"easypost": {"easypost/testdata/tracker.updated.json", 3}, "shippo": {"shippo/testdata/track_updated.json", 3}, "fedex": {"fedex/testdata/tracking.json", 3},
	"ups": {"ups/testdata/delivered.json", 1}, "usps": {"usps/testdata/notification.json", 3},
}

func readBody(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(carrierBodies[name].file)
	require.NoError(t, err)
	return body
}

// A parcel that EasyPost, Shippo and UPS tell of is one, under one name, and each scan of it is one.
func TestWhoeverTellsOfAParcelItIsTheSame(t *testing.T) {
	t.Parallel()
	scans := map[string][]string{} // who told of each
	for _, name := range []string{"easypost", "shippo", "ups"} {
		reading := SourceByName(name).Read(source.Request{Header: http.Header{}, Body: readBody(t, name), ReceivedAt: time.Now()}, source.Account{})
		for _, f := range reading.Facts {
			require.Equal(t, []string{"tracking:ups:1Z999AA10123456784"}, f.GetReferences(), name)
			s := f.GetScanReported()
			key := strings.Join([]string{s.GetCarrier(), s.GetTrackingNumber(), s.GetScanId()}, " ")
			scans[key] = append(scans[key], name)
		}
	}
	require.Len(t, scans, 3, "picked up, out for delivery, delivered")
	all := map[int]int{}
	for _, tellers := range scans {
		all[len(tellers)]++
	}
	assert.Equal(t, map[int]int{2: 2, 3: 1}, all, "UPS told of the delivery alone")
}

func TestCarriersAtTheDoor(t *testing.T) {
	t.Parallel()
	const token = "canary-token-of-shippo"
	secrets := map[string]string{"easypost": "canäry of easypost", "shippo": "token:" + token, "fedex": "canary of fedex", "ups": "bearer:canary-client:canary-of-ups", "usps": "canary of usps"}
	c := config()
	c.Sources, c.Mode = []string{"easypost", "shippo", "fedex", "ups", "usps"}, "live"
	c.EasyPostSecrets, c.ShippoSecrets, c.FedExTokens = []string{secrets["easypost"]}, []string{secrets["shippo"]}, []string{secrets["fedex"]}
	c.UPSCredentials, c.USPSSecrets = []string{secrets["ups"]}, []string{secrets["usps"]}
	accounts, err := settle(c, map[string]string{})
	require.NoError(t, err)
	var kept published
	var log bytes.Buffer
	h := &handler{
		tracer:   tracing.Or(nil),
		accounts: accounts, config: c, publish: &kept, most: 8 << 20, metrics: newMetrics(prometheus.NewRegistry()),
		log: zerolog.New(&log).Level(zerolog.DebugLevel), clock: time.Now,
	}
	e := web.New(h.log)
	e.POST("/webhooks/:source", h.take)

	post := func(path string, header http.Header, body []byte) (int, string) {
		kept.all = nil
		r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		r.Header = header
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for name, want := range carrierBodies {
		path, body := "/webhooks/"+name, readBody(t, name)
		if name == "shippo" {
			path += "?token=" + token
		}
		header, err := SourceByName(name).Sign(body, source.Signing{Secret: secrets[name], At: time.Now(), URL: "https://example.com" + path})
		require.NoError(t, err, name)
		status, answer := post(path, header, body)
		require.Equal(t, http.StatusOK, status, name+answer)
		require.Len(t, kept.all, 1, name)
		d := kept.all[0]
		assert.Len(t, d.GetFacts(), want.scans, name)
		assert.Equal(t, string(body), string(d.GetBody()), name)
		d.Body = nil
		assertNoCanary(t, d)

		for _, bad := range []string{"/webhooks/" + name, "/webhooks/" + name + "?token=canary-token-of-nobody"} {
			status, answer = post(bad, http.Header{"Content-Type": {"application/json"}}, body)
			assert.Equal(t, http.StatusUnauthorized, status, name)
			assert.Empty(t, kept.all, name)
			assert.NotContains(t, answer, "canary")
		}
	}
	assert.NotContains(t, log.String(), "canary")
	assert.NotEmpty(t, log.String())
}

func assertNoCanary(t *testing.T, d *intakev1.Delivery) {
	t.Helper()
	data, err := proto.Marshal(d)
	require.NoError(t, err)
	for _, secret := range []string{"canary", "canäry", "aGVsbG8gZG9vcg"} {
		assert.NotContains(t, string(data), secret, d.GetSource())
	}
}

// A test parcel is no customer's: only EasyPost and Shippo say which one is.
func TestTestParcels(t *testing.T) {
	t.Parallel()
	for name, mark := range map[string][2]string{"easypost": {`"mode":"production"`, `"mode":"test"`}, "shippo": {`"test":false`, `"test":true`}} {
		body := bytes.Replace(readBody(t, name), []byte(mark[0]), []byte(mark[1]), 1)
		for mode, facts := range map[source.Mode]int{source.Live: 0, source.Test: 3, source.Both: 3} {
			reading, err := Read(SourceByName(name), source.Request{Header: http.Header{}, Body: body, ReceivedAt: time.Now()}, source.Account{Mode: mode})
			require.NoError(t, err)
			assert.Len(t, reading.Facts, facts, "%s %s", name, mode)
		}
	}
}
