package ingress

import (
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
)

// The key pair of a portal; its seed is published with the library of Standard Webhooks.
const (
	portalPrivate = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
	portalPublic  = "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g="
)

func TestAPortalSignsWithAKeyThatWeDoNotHave(t *testing.T) {
	t.Parallel()
	c := config()
	c.Sources = []string{"b2b"}
	environ := map[string]string{"B2B_WEBHOOK_SECRET": checkoutSecret, "B2B_WEBHOOK_SECRET_ACME": sandboxSecret + "," + portalPublic}
	all, err := settle(c, environ)
	require.NoError(t, err)
	var kept published
	h := &handler{
		tracer:   tracing.Or(nil),
		accounts: all, config: c, publish: &kept, most: 8 << 20, metrics: newMetrics(prometheus.NewRegistry()), log: zerolog.Nop(), clock: time.Now,
	}
	e := web.New(h.log)
	e.POST("/webhooks/:source", h.take)
	e.POST("/webhooks/:source/:account", h.take)
	for name, c := range map[string]struct {
		path, secret string
		want         int
	}{
		"its key":                    {"/webhooks/b2b/acme", portalPrivate, http.StatusOK},
		"the secret beside it":       {"/webhooks/b2b/acme", sandboxSecret, http.StatusOK},
		"its key at another account": {"/webhooks/b2b", portalPrivate, http.StatusUnauthorized},
		"another account's secret":   {"/webhooks/b2b/acme", checkoutSecret, http.StatusUnauthorized},
	} {
		kept.all = nil
		body := portal(3)
		r := httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(body))
		r.Header, err = SourceByName("b2b").Sign([]byte(body), source.Signing{Secret: c.secret, At: time.Now()})
		require.NoError(t, err)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		assert.Equal(t, c.want, w.Code, name)
		if c.want == http.StatusOK {
			require.Len(t, kept.all, 1, name)
			assert.Len(t, kept.all[0].GetFacts(), 6, name)
			assert.Equal(t, "acme", kept.all[0].GetFacts()[5].GetOrder().GetAccount(), name)
		} else {
			assert.Empty(t, kept.all, name)
		}
	}
	environ["B2B_WEBHOOK_SECRET_ACME"] = portalPrivate
	_, err = settle(c, environ)
	require.ErrorContains(t, err, "B2B_WEBHOOK_SECRET_ACME: it is the sender's private key (whsk_)")
	require.NotContains(t, err.Error(), portalPrivate)
}
