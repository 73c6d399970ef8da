package ingress

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"
	"github.com/orderflow/orderflow/pkg/web"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Whatever a provider signs, there is a message for it that says what came. What becomes facts is package fuzz's.
func FuzzEveryDeliveryIsKept(f *testing.F) {
	for n := range Sources() {
		for _, body := range []string{anIntent, anOrder, aScan, `{"id":1,"line_items":[{"id":1,"price":"1\u0000"}]}`, "\xff", ""} {
			f.Add(n, "orders/create", body)
		}
	}
	f.Fuzz(func(t *testing.T, n int, topic, body string) {
		all := Sources()
		s := all[uint(n)%uint(len(all))]
		h, err := s.Sign([]byte(body), source.Signing{Secret: checkoutSecret, At: time.Unix(1772366400, 0), Topic: topic})
		if err != nil {
			return
		}
		r := source.Request{Header: h, Body: []byte(body), ReceivedAt: time.Unix(1772366400, 0)}
		a := source.Account{Name: defaultAccount, Secrets: []string{checkoutSecret}, Mode: source.Live, Shop: source.ShopKey{Source: "checkout", Account: "default"}}
		require.NoError(t, s.Verify(r, a))
		reading, failure := Read(s, r, a)
		require.NoError(t, failure, "a normaliser panicked")
		d, id := NewDelivery(s, r, a, reading)
		data, err := encode(d, 8<<20)
		require.NoError(t, err)
		kept := decode(t, data)
		require.Equal(t, id[:], kept.GetId())
		require.Equal(t, body, string(kept.GetBody()))
		if len(kept.GetFacts()) == 0 && kept.GetQuarantine().GetDetail() == "it holds a text that is none" {
			t.Fatal("a source let text through that is none")
		}
	})
}

// published are the deliveries that a handler wanted to be kept.
type published struct{ all []*intakev1.Delivery }

func (p *published) Publish(_ context.Context, _ string, _ ident.Delivery, data []byte) (bool, error) {
	d := &intakev1.Delivery{}
	p.all = append(p.all, d)
	return false, proto.Unmarshal(data, d)
}

// Only what is signed, whole, not too large and not encoded is kept, byte for byte; the rest is told so in a few words
// that repeat nothing.
func FuzzRequest(f *testing.F) {
	for _, s := range Sources() {
		for _, encoding := range []string{"", "identity", "IDENTITY", "gzip", " ", "identity, gzip", "\x00"} {
			f.Add("/webhooks/"+s.Name(), encoding, "application/json", int64(-1), []byte(anOrder), true)
		}
		f.Add("/webhooks/"+s.Name()+"/default", "", "", int64(3), []byte(anOrder), false)
	}
	for _, path := range []string{"/", "/webhooks/", "/webhooks/checkout/second", "/webhooks/checkout//", "/webhooks/../stripe", "/webhooks/%", "/webhooks/\x00", "webhooks"} {
		f.Add(path, "", "text/plain; charset=\xff", int64(0), []byte("webhook_id=1"), true)
	}
	f.Add("/webhooks/woocommerce", "", "application/x-www-form-urlencoded", int64(12), []byte("webhook_id=1"), false)
	f.Add("/webhooks/stripe", "", "", int64(1<<40), []byte{}, true)
	f.Add("/webhooks/stripe", "", "", int64(-1), bytes.Repeat([]byte("a"), 2000), true)

	c := config()
	c.MaxBody = 1 << 10
	all, err := settle(c, environ())
	require.NoError(f, err)
	moment := time.Unix(1772366400, 0)
	var kept published
	h := &handler{
		tracer:   tracing.Or(nil),
		accounts: all, config: c, publish: &kept, most: 8 << 20, metrics: newMetrics(prometheus.NewRegistry()), log: zerolog.Nop(), clock: func() time.Time { return moment },
	}
	e := web.New(h.log)
	e.POST("/webhooks/:source", h.take)
	e.POST("/webhooks/:source/:account", h.take)

	f.Fuzz(func(t *testing.T, path, encoding, contentType string, length int64, body []byte, sign bool) {
		kept.all = nil
		a, known := accountOf(all, path)
		r := (&http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: length}).WithContext(t.Context())
		sign = sign && (!known || bySecret(a.source))
		if known && sign {
			signed, err := a.source.Sign(body, source.Signing{Secret: a.Secrets[0], At: moment})
			require.NoError(t, err)
			r.Header = signed
		}
		r.Header["Content-Encoding"], r.Header["Content-Type"] = []string{encoding}, []string{contentType}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)

		plain := encoding == "" || strings.EqualFold(encoding, "identity")
		fits := length <= c.MaxBody && int64(len(body)) <= c.MaxBody
		want := http.StatusOK
		switch g, greets := a.source.(source.Greeter); {
		case !known:
			want = http.StatusNotFound
		case !plain:
			want = http.StatusUnsupportedMediaType
		case !fits:
			want = http.StatusRequestEntityTooLarge
		case !sign && (!greets || !g.Greets(source.Request{Header: r.Header, Body: body})):
			want = http.StatusUnauthorized
		}
		require.Equal(t, want, w.Code, w.Body.String())
		require.Less(t, w.Body.Len(), 200)
		require.True(t, json.Valid(w.Body.Bytes()))
		if want != http.StatusOK || !sign {
			require.Empty(t, kept.all)
			return
		}
		require.Len(t, kept.all, 1)
		require.Equal(t, string(body), string(kept.all[0].GetBody()))
		require.Equal(t, []string{a.source.Name(), a.Name}, []string{kept.all[0].GetSource(), kept.all[0].GetAccount()})
	})
}

// bySecret says that a source signs any body with the account's secret and nothing else: no certificate, no URL, no
// field of the body.
func bySecret(s source.Source) bool {
	_, certified := s.(source.Certified)
	return !certified && s.Name() != "twilio" && s.Name() != "usps"
}

// accountOf is the account that a path names, as the README has it: /webhooks/source or /webhooks/source/account.
func accountOf(all accounts, path string) (account, bool) {
	rest, found := strings.CutPrefix(path, "/webhooks/")
	parts := strings.Split(rest, "/")
	if !found || len(parts) > 2 {
		return account{}, false
	}
	return all.find(parts[0], strings.Join(parts[1:], ""))
}
