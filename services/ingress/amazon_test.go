package ingress

import (
	"bytes"
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
	"github.com/orderflow/orderflow/services/ingress/amazon"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/certtest"
)

// sns is the one host of SNS: it has its certificate, and confirms subscriptions.
type sns struct {
	certificate []byte
	confirms    int // the status with which it does
	asked       []string
}

func (s *sns) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.String())
	status, page := http.StatusOK, s.certificate
	if r.URL.Path == "/" {
		status, page = s.confirms, nil
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(page)), Request: r}, nil
}

// What SNS signs for our topic is kept, a subscription begins before it is answered, and for nothing else is anything
// fetched.
func TestAmazonAtTheDoor(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	private := "\n" + certtest.KeyPEM()
	const (
		count   = `{"NotificationType":"LISTINGS_ITEM_MFN_QUANTITY_CHANGE","Payload":{"FulfillmentChannelCode":"DEFAULT","Sku":"MUG","Quantity":17}}`
		confirm = "SubscriptionConfirmation"
	)
	signed := func(arn, topic string) string {
		body, err := amazon.New().Enclose([]byte(count), source.Signing{Secret: arn + private, At: certified, Topic: topic})
		require.NoError(t, err)
		return string(body)
	}
	host := "https://sns.eu-west-1.amazonaws.com/"
	for story, c := range map[string]struct {
		body     string
		confirms int
		want     int
		kept     string
		asked    []string
	}{
		"a notification":                {body: signed(amazonTopic, ""), want: http.StatusOK, kept: "LISTINGS_ITEM_MFN_QUANTITY_CHANGE", asked: []string{host + "SimpleNotificationService-"}},
		"a subscription":                {body: signed(amazonTopic, confirm), confirms: http.StatusOK, want: http.StatusOK, kept: confirm, asked: []string{host + "SimpleNotificationService-", host + "?Action=ConfirmSubscription&"}},
		"a subscription that fails":     {body: signed(amazonTopic, confirm), confirms: http.StatusInternalServerError, want: http.StatusServiceUnavailable, kept: confirm, asked: []string{host + "SimpleNotificationService-", host + "?Action=ConfirmSubscription&"}},
		"a subscription of a stranger":  {body: signed(amazonTopic+"-2", confirm), want: http.StatusUnauthorized},
		"another topic":                 {body: signed("arn:aws:sns:eu-west-1:999999999999:orders", ""), want: http.StatusUnauthorized},
		"changed":                       {body: strings.Replace(signed(amazonTopic, ""), "17", "18", 1), want: http.StatusUnauthorized, asked: []string{host + "SimpleNotificationService-"}},
		"a certificate in our network":  {body: strings.Replace(signed(amazonTopic, ""), host, "https://169.254.169.254/", 1), want: http.StatusUnauthorized},
		"a certificate in a bucket":     {body: strings.Replace(signed(amazonTopic, ""), host, "https://sns.s3-eu-west-1.amazonaws.com/", 1), want: http.StatusUnauthorized},
		"a certificate without TLS":     {body: strings.Replace(signed(amazonTopic, ""), host, "http://sns.eu-west-1.amazonaws.com/", 1), want: http.StatusUnauthorized},
		"a subscription that is forged": {body: strings.Replace(signed(amazonTopic, confirm), "/?Action", "/?Action=x&Action", 1), want: http.StatusUnauthorized, asked: []string{host + "SimpleNotificationService-"}},
		"delivered raw":                 {body: count, want: http.StatusUnauthorized},
	} {
		t.Run(story, func(t *testing.T) {
			t.Parallel()
			remote := &sns{certificate: ours.certifies("sns.amazonaws.com", certified.AddDate(0, 1, 0)), confirms: c.confirms}
			all, err := settle(config(), environ())
			require.NoError(t, err)
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
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/amazon", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			require.Equal(t, c.want, w.Code, w.Body.String())
			require.Len(t, remote.asked, len(c.asked), remote.asked)
			for n, begins := range c.asked {
				assert.True(t, strings.HasPrefix(remote.asked[n], begins), remote.asked[n])
			}
			if c.kept == "" {
				assert.Empty(t, kept.all)
				return
			}
			require.Len(t, kept.all, 1)
			assert.Equal(t, c.kept, kept.all[0].GetTopic())
			assert.Equal(t, c.body, string(kept.all[0].GetBody()))
			assert.Nil(t, kept.all[0].GetQuarantine())
		})
	}
}
