package fulfillment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// sandboxCarrier speaks the API of the carrier that the sandbox plays: JSON over HTTP, a bearer key, one label per
// idempotency key.
type sandboxCarrier struct {
	base, key string
	client    *http.Client
	clock     func() time.Time
	// paused is until when nobody is asked, in Unix nanoseconds: a carrier that is down is left alone for a moment.
	paused atomic.Int64
}

func newSandboxCarrier(base, key string, timeout time.Duration, clock func() time.Time) *sandboxCarrier {
	return &sandboxCarrier{
		base: strings.TrimRight(base, "/"), key: key, clock: clock,
		client: &http.Client{
			Timeout: timeout,
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: timeout / 2}).DialContext,
				TLSHandshakeTimeout: timeout / 2, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
			},
			// The key goes to the carrier and to nobody that it names.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// The wire's bodies.
type (
	wireLabelRequest struct {
		Reference string      `json:"reference"`
		To        wireAddress `json:"to"`
		Items     []wireItem  `json:"items"`
		Priority  bool        `json:"priority"`
	}
	wireAddress struct {
		Name       string `json:"name"`
		Company    string `json:"company"`
		Line1      string `json:"line1"`
		Line2      string `json:"line2"`
		City       string `json:"city"`
		Region     string `json:"region"`
		PostalCode string `json:"postal_code"`
		Country    string `json:"country"`
		Phone      string `json:"phone"`
	}
	wireItem struct {
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	}
	wireLabel struct {
		TrackingNumber string     `json:"tracking_number"`
		LabelURL       string     `json:"label_url"`
		Reference      string     `json:"reference"`
		Cost           *wireMoney `json:"cost"`
		Voided         bool       `json:"voided"`
	}
	wireMoney struct {
		MinorUnits int64  `json:"minor_units"`
		Currency   string `json:"currency"`
	}
)

// Buy asks for a label. With a key that was used before, the carrier answers with what was bought then.
func (c *sandboxCarrier) Buy(ctx context.Context, p Parcel) (Label, error) {
	request := wireLabelRequest{Reference: p.Reference, To: addressOnWire(p.To), Priority: p.Priority}
	for _, l := range p.Lines {
		request.Items = append(request.Items, wireItem{l.GetSku(), l.GetQuantity()})
	}
	var sold wireLabel
	if err := c.call(ctx, http.MethodPost, "/v1/labels", p.Key, request, &sold); err != nil {
		return Label{}, err
	}
	if sold.Reference != p.Reference || sold.TrackingNumber == "" {
		return Label{}, &CarrierError{Unknown, "unreadable_answer"}
	}
	if sold.Voided {
		return Label{}, &CarrierError{Failed, "already_void"}
	}
	return sold.label(), nil
}

// Lookup finds the newest label under a reference that is not void.
func (c *sandboxCarrier) Lookup(ctx context.Context, reference string) (Label, error) {
	var found struct {
		Labels *[]wireLabel `json:"labels"`
	}
	if err := c.call(ctx, http.MethodGet, "/v1/labels?reference="+url.QueryEscape(reference), "", nil, &found); err != nil {
		return Label{}, err
	}
	if found.Labels == nil {
		return Label{}, &CarrierError{Unknown, "unreadable_answer"} // an answer without a list does not say that there is none
	}
	for _, l := range *found.Labels {
		switch {
		case l.Reference != reference || l.TrackingNumber == "":
			return Label{}, &CarrierError{Unknown, "unreadable_answer"}
		case !l.Voided:
			return l.label(), nil
		}
	}
	return Label{}, &CarrierError{NotFound, "no_label"}
}

// Void voids every label under a reference. None to void is as good as one.
func (c *sandboxCarrier) Void(ctx context.Context, reference string) error {
	var answer struct {
		Voided *int `json:"voided"`
	}
	request := struct {
		Reference string `json:"reference"`
	}{reference}
	if err := c.call(ctx, http.MethodPost, "/v1/labels/void", "", request, &answer); err != nil {
		return err
	}
	if answer.Voided == nil {
		return &CarrierError{Unknown, "unreadable_answer"}
	}
	return nil
}

func addressOnWire(a *typev1.Address) wireAddress {
	return wireAddress{
		Name: a.GetName(), Company: a.GetCompany(), Line1: a.GetLine1(), Line2: a.GetLine2(), City: a.GetCity(), Region: a.GetRegion(),
		PostalCode: a.GetPostalCode(), Country: a.GetCountry(), Phone: a.GetPhone(),
	}
}

func (l wireLabel) label() Label {
	out := Label{Tracking: l.TrackingNumber, URL: l.LabelURL}
	if l.Cost != nil {
		out.Cost = &typev1.Money{MinorUnits: l.Cost.MinorUnits, Currency: l.Cost.Currency}
	}
	return out
}

// answerMost bounds what is read of an answer.
const answerMost = 1 << 20

// call makes one request and reads its answer, or sorts its failure.
func (c *sandboxCarrier) call(ctx context.Context, method, path, key string, body, answer any) error {
	if c.clock().UnixNano() < c.paused.Load() {
		return &CarrierError{Down, "paused"}
	}
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := c.request(ctx, method, path, key, body)
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
	switch {
	case err != nil && !connected.Load():
		c.pause("")
		return &CarrierError{Down, "no_connection"} // nothing was sent
	case err != nil:
		return &CarrierError{Unknown, unanswered(err)}
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerMost+1))
	switch {
	case response.StatusCode < 200 || response.StatusCode > 299:
		return c.refusal(response, data)
	case err != nil:
		return &CarrierError{Unknown, unanswered(err)}
	case len(data) > answerMost || json.Unmarshal(data, answer) != nil:
		return &CarrierError{Unknown, "unreadable_answer"}
	}
	return nil
}

func (c *sandboxCarrier) request(ctx context.Context, method, path, key string, body any) (*http.Request, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, &CarrierError{Refused, "unwritable_request"}
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(data))
	if err != nil {
		return nil, &CarrierError{Refused, "unwritable_request"}
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	return request, nil
}

func unanswered(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return "connection_lost"
}

// refusal sorts an answer that is no success. What is wrong between the carrier and us (key, address of the API, too
// many requests) is no parcel's fault. A key that was used for something else may have bought something; a server's
// error too, unless the carrier itself says that it did not.
func (c *sandboxCarrier) refusal(response *http.Response, body []byte) error {
	code := codeOf(response, body)
	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		c.pause(response.Header.Get("Retry-After"))
		return &CarrierError{Down, code}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return &CarrierError{Down, code}
	case status == http.StatusInternalServerError && code == "failed":
		return &CarrierError{Failed, code}
	case status == http.StatusConflict && code == "idempotency_mismatch", status == http.StatusRequestTimeout:
		return &CarrierError{Unknown, code}
	case status >= 400 && status < 500:
		return &CarrierError{Refused, code}
	}
	return &CarrierError{Unknown, code}
}

// codeOf is the carrier's own machine word if it is one, and else the status: what goes into events and logs must not
// repeat an address.
func codeOf(response *http.Response, body []byte) string {
	var told struct {
		Error string `json:"error"`
	}
	digits := 0
	plain := func(r rune) bool {
		if '0' <= r && r <= '9' {
			digits++
			return digits <= 4 // more is a number of somebody's
		}
		return r == '_' || 'a' <= r && r <= 'z'
	}
	if json.Unmarshal(body, &told) == nil && told.Error != "" && len(told.Error) <= 40 &&
		strings.IndexFunc(told.Error, func(r rune) bool { return !plain(r) }) < 0 {
		return told.Error
	}
	return "http_" + response.Status[:min(len(response.Status), 3)]
}

// How long a carrier that is down is left alone: a moment, or as long as it asks for within reason.
const (
	pauseLeast = time.Second
	pauseMost  = 5 * time.Minute
)

func (c *sandboxCarrier) pause(retryAfter string) {
	wait := pauseLeast
	if seconds, err := time.ParseDuration(retryAfter + "s"); err == nil {
		wait = seconds
	} else if at, err := http.ParseTime(retryAfter); err == nil {
		wait = at.Sub(c.clock())
	}
	c.paused.Store(c.clock().Add(min(max(wait, pauseLeast), pauseMost)).UnixNano())
}
