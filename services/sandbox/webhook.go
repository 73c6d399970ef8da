package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// update is the body of a tracking webhook.
type update struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Scan      `json:"data"`
}

// poster posts scans as Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over id, time of the attempt and body.
type poster struct {
	url     string
	secrets [][]byte
	client  *http.Client
	clock   func() time.Time
}

// postTimeout is how long whoever takes a webhook may think about it.
const postTimeout = 15 * time.Second

func newPoster(config Config, clock func() time.Time) (*poster, error) {
	if config.TrackingURL == "" {
		return nil, nil //nolint:nilnil // nobody to post to
	}
	secrets, err := parseSecrets(config.WebhookSecret)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck,forcetypeassert // it is one in every Go
	transport.MaxIdleConnsPerHost = postersMost
	return &poster{url: config.TrackingURL, secrets: secrets, clock: clock, client: &http.Client{
		Timeout: postTimeout, Transport: transport,
		// A redirect is a failure: what is signed goes where it was meant to go, or nowhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// parseSecrets reads whsec_ and base64 of 24 to 64 bytes; several, separated by commas, while the secret is changed. The
// error never repeats one.
func parseSecrets(setting string) ([][]byte, error) {
	var secrets [][]byte
	for part := range strings.SplitSeq(setting, ",") {
		encoded, found := strings.CutPrefix(strings.TrimSpace(part), "whsec_")
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if !found || err != nil || len(secret) < 24 || len(secret) > 64 {
			return nil, errors.New("SANDBOX_WEBHOOK_SECRET must be whsec_ and base64 of 24 to 64 bytes: echo whsec_$(openssl rand -base64 32)")
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

// sign is the value of webhook-signature: one signature for each secret, so that a receiver needs to know only one.
func sign(secrets [][]byte, id string, at time.Time, body []byte) string {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// post tells a scan once. The id is the same on every attempt, the time is the attempt's. If it was not taken, the
// duration says how long its receiver wants to be left alone; zero if he did not say.
func (p *poster) post(ctx context.Context, s Scan) (time.Duration, error) {
	body, err := json.Marshal(update{Type: "tracking.updated", Timestamp: s.OccurredAt, Data: s})
	if err != nil {
		return 0, fmt.Errorf("write a scan: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("post a scan: %w", err)
	}
	id, at := "msg_"+s.ID, p.clock()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "orderflow-sandbox-carrier")
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	request.Header.Set("Webhook-Signature", sign(p.secrets, id, at, body))
	response, err := p.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("post a scan: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, bodyLongest)) // so that the connection can be used again
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return 0, nil
	}
	wait, _ := strconv.Atoi(response.Header.Get("Retry-After")) // 0 where there is none, or a date
	return time.Duration(wait) * time.Second, fmt.Errorf("a scan was answered %d", response.StatusCode)
}
