package operators

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/orderflow/orderflow/pkg/host"
)

// keysSetting names the keys; with _FILE after it, the file in which they stand.
const keysSetting = "TOKEN_KEYS"

// shortestKey is as long as what HMAC-SHA256 makes of it.
const shortestKey = 32

// key signs tokens, and is named in them.
type key struct {
	id     string
	secret []byte
}

// keyring is the keys that are active: the first one signs, all of them verify. So a new one is put first, and the old one
// taken away once what it signed has ended.
type keyring struct {
	environ map[string]string
	now     atomic.Pointer[[]key]
}

// errNoKeys says that nobody can be let in.
var errNoKeys = errors.New(keysSetting + " is not set")

func newKeyring(environ map[string]string) (*keyring, error) {
	k := &keyring{environ: environ}
	_, err := k.reload()
	return k, err
}

// reload reads the keys anew. After an error those before it stay.
func (k *keyring) reload() (changed bool, err error) {
	text, err := host.Secret(k.environ, keysSetting)
	if err != nil {
		return false, err
	}
	if text == "" {
		return false, errNoKeys
	}
	keys, err := parseKeys(strings.Split(text, ","))
	if err != nil {
		return false, err
	}
	if before := k.now.Load(); before != nil && same(*before, keys) {
		return false, nil
	}
	k.now.Store(&keys)
	return true, nil
}

func same(a, b []key) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].secret, b[i].secret) {
			return false
		}
	}
	return true
}

// parseKeys says nothing of what stands in a key that cannot be used.
func parseKeys(texts []string) ([]key, error) {
	var keys []key
	for i, text := range texts {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil || len(secret) < shortestKey {
			return nil, fmt.Errorf("%s: key %d is not base64 of %d bytes or more (openssl rand -base64 32)", keysSetting, i+1, shortestKey)
		}
		named := sha256.Sum256(append([]byte("orderflow token key "), secret...))
		keys = append(keys, key{hex.EncodeToString(named[:6]), secret})
	}
	return keys, nil
}

func (k *keyring) signing() key { return (*k.now.Load())[0] }

// find is the active key of an id.
func (k *keyring) find(id string) (key, bool) {
	for _, one := range *k.now.Load() {
		if one.id == id {
			return one, true
		}
	}
	return key{}, false
}
