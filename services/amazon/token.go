package amazon

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/orderflow/orderflow/pkg/fault"
)

// tokens are the access tokens of Login with Amazon, for which the seller's refresh token is exchanged
// (developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api).
type tokens struct {
	url, clientID, clientSecret, refresh string
	client                               *http.Client
	clock                                func() time.Time

	mu    sync.Mutex
	token string
	until time.Time
}

// early is how long before its end a token is exchanged, so that it does not end on its way.
const early = time.Minute

// access is a token that is good now.
func (t *tokens) access(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && t.clock().Before(t.until) {
		return t.token, nil
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {t.refresh}, "client_id": {t.clientID}, "client_secret": {t.clientSecret}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fault.New(fault.Transient, "AMAZON_LWA_ENDPOINT cannot be called")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	status, _, body, err := send(t.client, request)
	if err != nil {
		return "", err
	}
	var said struct {
		Token     string `json:"access_token"`
		ExpiresIn int64  `json:"expires_in"`
		Error     string `json:"error"`
	}
	if err := json.Unmarshal(body, &said); status == http.StatusOK && (err != nil || said.Token == "" || said.ExpiresIn <= 0) {
		return "", fault.New(fault.Transient, "login with amazon: its answer holds no token")
	}
	if status != http.StatusOK { // a wrong secret too: somebody is going to set it right
		return "", fault.New(fault.Transient, "login with amazon %d %s: no token is given", status, word(said.Error))
	}
	t.token, t.until = said.Token, t.clock().Add(time.Duration(min(said.ExpiresIn, 1<<20))*time.Second-early)
	return t.token, nil
}

// forget drops a token that was refused, unless it was replaced meanwhile.
func (t *tokens) forget(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}
