package ingress

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mounted is a file as Kubernetes mounts a secret: a symbolic link into a folder that is a symbolic link, which is replaced.
func mounted(t *testing.T, at, text string) string {
	t.Helper()
	have, err := os.ReadDir(at)
	require.NoError(t, err)
	version := filepath.Join(at, "..version-"+strconv.Itoa(len(have)))
	require.NoError(t, os.Mkdir(version, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(version, "secret"), []byte(text), 0o600))
	require.NoError(t, os.Symlink(filepath.Base(version), filepath.Join(at, "..next")))
	require.NoError(t, os.Rename(filepath.Join(at, "..next"), filepath.Join(at, "..data")))
	path := filepath.Join(at, "secret")
	if _, err := os.Lstat(path); err != nil {
		require.NoError(t, os.Symlink(filepath.Join("..data", "secret"), path))
	}
	return path
}

func TestSecretsStandInFiles(t *testing.T) {
	t.Parallel()
	one, two := mounted(t, t.TempDir(), "whsec_one\n\n  whsec_two  \r\n"), mounted(t, t.TempDir(), "whsec_three")
	c := config()
	c.Sources, c.StripeSecrets = []string{"stripe"}, nil
	all, err := settle(c, map[string]string{"STRIPE_WEBHOOK_SECRET_FILE": one, "STRIPE_WEBHOOK_SECRET_EU_FILE": two, "STRIPE_MODE_EU": "test", "STRIPE_WEBHOOK_SECRET_UK": "whsec_four"})
	require.NoError(t, err)
	require.Len(t, all["stripe"], 3)
	for name, want := range map[string][]string{"default": {"whsec_one", "whsec_two"}, "eu": {"whsec_three"}, "uk": {"whsec_four"}} {
		a, ok := all.find("stripe", name)
		require.True(t, ok, name)
		assert.Equal(t, want, a.current().Secrets, name)
	}
	assert.Len(t, all.files(), 2)
}

func TestFilesOfSecretsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	c := config()
	c.Sources, c.CheckoutSecrets = []string{"checkout"}, nil
	file := func(text string) string { return mounted(t, t.TempDir(), text) }
	for name, environ := range map[string]map[string]string{
		"CHECKOUT_WEBHOOK_SECRET_FILE: it names no file":             {"CHECKOUT_WEBHOOK_SECRET_FILE": ""},
		"CHECKOUT_WEBHOOK_SECRET_FILE: the file cannot be read":      {"CHECKOUT_WEBHOOK_SECRET_FILE": filepath.Join(t.TempDir(), "none")},
		"CHECKOUT_WEBHOOK_SECRET_FILE: the file holds no secret":     {"CHECKOUT_WEBHOOK_SECRET_FILE": file(" \n\n")},
		"CHECKOUT_WEBHOOK_SECRET_FILE: it has to be whsec_":          {"CHECKOUT_WEBHOOK_SECRET_FILE": file(checkoutSecret + "\nwhsec_badly-made\n")},
		"CHECKOUT_WEBHOOK_SECRET_FILE: it is larger than 64 KiB":     {"CHECKOUT_WEBHOOK_SECRET_FILE": file(strings.Repeat("x", 65<<10))},
		"checkout/eu are set twice: CHECKOUT_WEBHOOK_SECRET_EU or C": {"CHECKOUT_WEBHOOK_SECRET_EU_FILE": file(checkoutSecret), "CHECKOUT_WEBHOOK_SECRET_EU": checkoutSecret},
		"CHECKOUT_WEBHOOK_SECRET_DEFAULT_FILE: its ending is no":     {"CHECKOUT_WEBHOOK_SECRET_DEFAULT_FILE": file(checkoutSecret)},
	} {
		_, err := settle(c, environ)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "badly-made")
	}
}

// A secret is replaced while deliveries come in: none that a secret of the time signed is turned away, and the old one's are
// as soon as it is gone. What cannot be used changes nothing and is said once.
func TestSecretsAreReplacedWhileItRuns(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	path := mounted(t, at, stripeSecret+"\n")
	c := config()
	c.Sources, c.StripeSecrets = []string{"stripe"}, nil
	all, err := settle(c, map[string]string{"STRIPE_WEBHOOK_SECRET_FILE": path})
	require.NoError(t, err)
	h := bare(t, SourceByName("stripe"), &keeper{})
	h.accounts, h.config = all, c
	log := &safeBuffer{}
	h.log = zerolog.New(log)
	files, said := h.watch(nil), map[string]string{}
	status := func(secret string) int { return h.direct(t, signed(t, "stripe", secret, anIntent)) }
	require.Equal(t, []int{http.StatusOK, http.StatusUnauthorized}, []int{status(stripeSecret), status(stripeSecond)})

	mounted(t, at, stripeSecond+"\n"+stripeSecret+"\n")
	var stop atomic.Bool
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for !stop.Load() {
				assert.Equal(t, http.StatusOK, status(stripeSecret), "the old secret is good all the time")
			}
		})
	}
	h.look(files, said)
	require.Equal(t, http.StatusOK, status(stripeSecond))
	stop.Store(true)
	load.Wait()

	for _, bad := range []string{"", "\n", strings.Repeat("x", 65<<10)} {
		mounted(t, at, bad)
		h.look(files, said)
		h.look(files, said)
		require.Equal(t, []int{http.StatusOK, http.StatusOK}, []int{status(stripeSecret), status(stripeSecond)})
	}
	require.NoError(t, os.Rename(path, path+".away"))
	h.look(files, said)
	h.look(files, said)
	require.Equal(t, http.StatusOK, status(stripeSecond))
	require.Equal(t, 3, strings.Count(log.String(), "not reloaded"), "each trouble is said once: %s", log.String())

	mounted(t, at, stripeSecond+"\n")
	h.look(files, said)
	require.Equal(t, []int{http.StatusUnauthorized, http.StatusOK}, []int{status(stripeSecret), status(stripeSecond)})
	require.NotContains(t, log.String(), "whsec_")
	require.NotContains(t, log.String(), path)
}

func TestReloadingIsATask(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	path := mounted(t, at, checkoutSecret+"\n"+sandboxSecret)
	s := serveWith(t, map[string]string{"CHECKOUT_WEBHOOK_SECRET_FILE": path}, func(c *Config) {
		c.Sources, c.CheckoutSecrets, c.Reload = []string{"checkout"}, nil, 5*time.Millisecond
	})
	require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", checkoutSecret, anOrder)).status)
	require.InDelta(t, 2, s.gauge("orderflow_ingress_secrets"), 0)
	require.InDelta(t, float64(time.Now().Unix()), s.gauge("orderflow_ingress_secrets_changed_timestamp_seconds"), 60)
	mounted(t, at, sandboxSecret)
	require.Eventually(t, func() bool { return s.gauge("orderflow_ingress_secrets") == 1 }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, http.StatusUnauthorized, s.send(signed(t, "checkout", checkoutSecret, anOrder)).status)
	require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", sandboxSecret, anOrder)).status)
	require.InDelta(t, 1, s.counted("orderflow_ingress_reloads_total", "CHECKOUT_WEBHOOK_SECRET_FILE", "changed"), 0)
}
