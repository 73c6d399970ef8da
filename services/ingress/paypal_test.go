package ingress

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/tracing"
	"github.com/orderflow/orderflow/pkg/web"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/certtest"
)

// answers is a web that consists of one page.
type answers struct {
	page  []byte
	asked []string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, r.URL.String())
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(a.page))), Request: r}, nil
}

// A delivery of PayPal is let in once its certificate was fetched, from where PayPal's are and nowhere else, and found to
// be of an authority that is trusted.
func TestPayPalsCertificateIsFetchedAndVerified(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	issue := func(by *authority, name string) []byte { return by.certifies(name, certified.AddDate(0, 1, 0)) }
	const (
		name = "messageverificationcerts.sandbox.paypal.com"
		body = `{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"C1","custom_id":"1001","amount":{"value":"9.90","currency_code":"EUR"}}}`
	)
	header, err := SourceByName("paypal").Sign([]byte(body), source.Signing{Secret: paypalWebhook + "\n" + certtest.KeyPEM(), At: certified})
	require.NoError(t, err)
	for story, c := range map[string]struct {
		page   []byte
		change func(http.Header)
		want   int
		asked  int
	}{
		"good":                    {page: issue(ours, name), want: http.StatusOK, asked: 1},
		"of a stranger":           {page: issue(others, name), want: http.StatusUnauthorized, asked: 1},
		"of another host":         {page: issue(ours, "www.example.com"), want: http.StatusUnauthorized, asked: 1},
		"no certificate":          {page: []byte("<html>"), want: http.StatusUnauthorized, asked: 1},
		"from inside our network": {page: issue(ours, name), change: func(h http.Header) { h.Set("Paypal-Cert-Url", "https://169.254.169.254/latest/meta-data") }, want: http.StatusUnauthorized},
		"from whoever looks like it": {page: issue(ours, name), change: func(h http.Header) {
			h.Set("Paypal-Cert-Url", "https://api.paypal.com.example.com/v1/notifications/certs/CERT-1")
		}, want: http.StatusUnauthorized},
		"from nowhere": {page: issue(ours, name), change: func(h http.Header) { h.Del("Paypal-Cert-Url") }, want: http.StatusUnauthorized},
		"another time": {page: issue(ours, name), change: func(h http.Header) { h.Set("Paypal-Transmission-Time", "2026-03-01T12:00:01Z") }, want: http.StatusUnauthorized, asked: 1},
	} {
		t.Run(story, func(t *testing.T) {
			t.Parallel()
			remote := &answers{page: c.page}
			all, err := settle(config(), environ())
			require.NoError(t, err)
			a := all["paypal"]["default"]
			a.Mode = source.Test
			all["paypal"]["default"] = a
			clock := func() time.Time { return certified }
			store := newCertificates(ours.roots(), clock)
			store.client.Transport = remote
			var kept published
			h := &handler{
				tracer:   tracing.Or(nil),
				accounts: all, config: config(), publish: &kept, most: 8 << 20, metrics: newMetrics(prometheus.NewRegistry()), certificates: store, log: zerolog.Nop(), clock: clock,
			}
			e := web.New(h.log)
			e.POST("/webhooks/:source", h.take)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/paypal", strings.NewReader(body))
			r.Header = header.Clone()
			if c.change != nil {
				c.change(r.Header)
			}
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			require.Equal(t, c.want, w.Code, w.Body.String())
			assert.Len(t, remote.asked, c.asked)
			if c.want != http.StatusOK {
				assert.Empty(t, kept.all)
				return
			}
			require.Len(t, kept.all, 1)
			assert.Equal(t, int64(990), kept.all[0].GetFacts()[0].GetPaymentReported().GetAmount().GetMinorUnits())
			assert.True(t, kept.all[0].GetTest())
			for _, kept := range kept.all[0].GetHeaders() {
				assert.NotEqual(t, "Paypal-Transmission-Sig", kept.GetName())
			}
		})
	}
}
