package host

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUsageNamesEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	text := usage(Service{Name: "fulfillment", About: "It ships.", Config: &struct {
		Delay time.Duration `env:"SETTLE_DELAY" envDefault:"5s" desc:"How long an order settles."`
	}{}})
	assert.Contains(t, text, "fulfillment: It ships.\n")
	assert.Contains(t, text, "\n  SETTLE_DELAY (5s)\n      How long an order settles.\n")
	assert.Contains(t, text, "\n  DATABASE_URL\n")
}

func TestAServiceAsksTheOneBesideItWhetherItIsReady(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{http.StatusOK: 0, http.StatusServiceUnavailable: 1} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/readyz", r.URL.Path)
			w.WriteHeader(status)
			_, _ = w.Write([]byte("what it says\n"))
		}))
		t.Cleanup(server.Close)
		var out, trouble strings.Builder
		require.Equal(t, want, healthy(map[string]string{"ADMIN_LISTEN": strings.TrimPrefix(server.URL, "http://")}, &out, &trouble))
		assert.Contains(t, out.String()+trouble.String(), "what it says")
	}
	var out, trouble strings.Builder
	assert.Equal(t, 1, healthy(map[string]string{"ADMIN_LISTEN": "127.0.0.1:1"}, &out, &trouble))
	assert.Contains(t, trouble.String(), "nobody answers")
	assert.Equal(t, 2, called(Service{Name: "payment"}, "helth", &out, &trouble))
	assert.Equal(t, 0, called(Service{Name: "payment"}, "--help", &out, &trouble))
}
