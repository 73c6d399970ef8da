package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/host"
)

type secrets struct {
	Key    string   `env:"A_KEY,required" secret:"true" desc:"x"`
	Tokens []string `env:"A_TOKENS" secret:"true" desc:"x"`
	Plain  string   `env:"A_PLAIN" desc:"x"`
}

// watching reads the files itself.
type watching struct {
	Key string `env:"A_KEY" secret:"true" desc:"x"`
}

func (*watching) WatchesFiles() {}

func TestEverySecretMayStandInAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	environ := map[string]string{
		"A_KEY_FILE": file("key", canary+"\n"), "A_TOKENS_FILE": file("tokens", "one\n\n two \r\nthree"), "A_PLAIN_FILE": file("plain", "x"),
	}
	var c secrets
	require.NoError(t, host.Read(environ, &c))
	assert.Equal(t, secrets{Key: canary, Tokens: []string{"one", "two", "three"}}, c)
	assert.NotContains(t, environ, "A_KEY", "the environment is as it was")

	var w watching
	require.NoError(t, host.Read(environ, &w))
	assert.Empty(t, w.Key)

	for what, c := range map[string]struct {
		environ map[string]string
		want    string
	}{
		"both":      {map[string]string{"A_KEY": canary, "A_KEY_FILE": file("both", canary)}, "A_KEY and A_KEY_FILE are both set: one of them"},
		"no file":   {map[string]string{"A_KEY_FILE": filepath.Join(dir, canary)}, "A_KEY_FILE: the file cannot be read: no such file or directory"},
		"a folder":  {map[string]string{"A_KEY_FILE": dir}, "A_KEY_FILE: the file cannot be read: is a directory"},
		"nothing":   {map[string]string{"A_KEY_FILE": file("nothing", " \n\n")}, "A_KEY_FILE: the file holds no secret"},
		"too large": {map[string]string{"A_KEY_FILE": file("large", strings.Repeat(canary, 10_000))}, "A_KEY_FILE: it is larger than 64 KiB"},
	} {
		err := host.Read(c.environ, &secrets{})
		require.ErrorContains(t, err, c.want, what)
		assert.NotContains(t, err.Error(), canary, what)
	}
}

func TestWhatTheHostNeedsMayStandInFiles(t *testing.T) {
	t.Parallel()
	service := idle("a", func() {})
	service.Database, service.Broker = true, true
	gone := filepath.Join(t.TempDir(), "gone")
	err := start(t, map[string]string{"DATABASE_URL_FILE": gone, "NATS_URL_FILE": gone, "MASTER_KEY_FILE": gone, "NATS_CERT_FILE": gone}, service).end(t)
	for _, name := range []string{"DATABASE_URL", "NATS_URL", "MASTER_KEY"} {
		require.ErrorContains(t, err, name+"_FILE: the file cannot be read")
		assert.NotContains(t, err.Error(), name+" is not set")
	}
	require.ErrorContains(t, err, "NATS_CERT_FILE and NATS_KEY_FILE belong together")
	for _, s := range host.Describe(nil) {
		assert.Equal(t, s.Name == "DATABASE_URL" || s.Name == "NATS_URL" || s.Name == "MASTER_KEY", strings.HasSuffix(s.About, " Or "+s.Name+"_FILE."), s.Name)
	}
}
