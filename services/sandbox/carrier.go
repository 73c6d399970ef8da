package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/orderflow/orderflow/pkg/web"
)

// carrier is the API that sells labels.
type carrier struct {
	config  Config
	books   *books
	courier *courier
	clock   func() time.Time

	mu   sync.Mutex
	dice *mathrand.Rand
}

func newCarrier(config Config, b *books, c *courier, clock func() time.Time) *carrier {
	dice := mathrand.New(mathrand.NewPCG(config.Seed, 0)) //nolint:gosec // the same failures on every run, on purpose
	return &carrier{config: config, books: b, courier: c, clock: clock, dice: dice}
}

func (k *carrier) routes(e *echo.Echo) {
	e.POST("/v1/labels", k.sell, k.authorized, k.moody)
	e.POST("/v1/labels/void", k.void, k.authorized, k.moody)
	e.GET("/v1/labels", k.list, k.authorized, k.late)
	e.GET("/v1/labels/:tracking", k.show)
}

// authorized asks for the key.
func (k *carrier) authorized(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !k.hasKey(c.Request()) {
			return web.Fail(http.StatusUnauthorized, "unauthorized", "send Authorization: Bearer <key>")
		}
		return next(c)
	}
}

func (k *carrier) hasKey(r *http.Request) bool {
	key, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	given, wanted := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(k.config.CarrierKey))
	return found && subtle.ConstantTimeCompare(given[:], wanted[:]) == 1
}

// late takes its time.
func (k *carrier) late(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		pause(c.Request().Context(), k.config.Latency)
		return next(c)
	}
}

// moody takes its time, and now and then fails without doing anything.
func (k *carrier) moody(next echo.HandlerFunc) echo.HandlerFunc {
	return k.late(func(c echo.Context) error {
		if k.unlucky() {
			return notProcessed()
		}
		return next(c)
	})
}

func (k *carrier) unlucky() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.config.FailRate > 0 && k.dice.Float64() < k.config.FailRate
}

// notProcessed is the failure that certainly did nothing.
func notProcessed() error {
	return web.Fail(http.StatusInternalServerError, "failed", "nothing was done; try again")
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// sell buys a label: once per key, however often and at how many places at once it is asked for.
func (k *carrier) sell(c echo.Context) error {
	key := c.Request().Header.Get("Idempotency-Key")
	if key == "" || len(key) > keyLongest {
		return web.Fail(http.StatusBadRequest, "bad_idempotency_key", "send an Idempotency-Key of 1 to 255 characters, the same on every retry")
	}
	var o Order
	if err := readJSON(c, &o); err != nil {
		return err
	}
	if wrong := o.wrong(); wrong != "" {
		return web.Fail(http.StatusUnprocessableEntity, "invalid", wrong)
	}
	hash := o.hash()
	if label, err := k.books.bought(key, hash); err != nil {
		return mismatch()
	} else if label == nil {
		if err := k.misbehave(c, o); err != nil {
			return err
		}
	}
	return k.buy(c, o, key, hash)
}

func (k *carrier) buy(c echo.Context, o Order, key, hash string) error {
	tracking := newTracking()
	label, repeated, err := k.books.buy(purchase{
		Key: key, Hash: hash, Order: o, At: k.clock().UTC(),
		Label: Label{Tracking: tracking, Reference: o.Reference, Cost: price(o), URL: baseURL(c) + "/v1/labels/" + tracking + ".txt"},
	})
	switch {
	case errors.Is(err, errKeyUsed):
		return mismatch()
	case err != nil:
		return err
	case repeated:
		return c.JSON(http.StatusOK, label)
	}
	k.courier.expect(tracking)
	if t, _ := troubleOf(o.To); t == slow {
		pause(c.Request().Context(), k.config.Slow)
	}
	return c.JSON(http.StatusCreated, label)
}

func mismatch() error {
	return web.Fail(http.StatusConflict, "idempotency_mismatch", "the key was used for another label; a new label wants a new key")
}

// misbehave fails as the address asks for.
func (k *carrier) misbehave(c echo.Context, o Order) error {
	t, known := troubleOf(o.To)
	switch {
	case !known:
		return web.Fail(http.StatusUnprocessableEntity, "unknown_trouble", fmt.Sprintf("sandbox:%s is none of the known: %v", t, troubles))
	case t == refuse:
		return web.Fail(http.StatusUnprocessableEntity, "undeliverable", "the address cannot be served")
	case t.failures() == 0:
		return nil
	}
	again, err := k.books.trouble(o.Reference, t.failures())
	switch {
	case err != nil:
		return err
	case !again:
		return nil
	case t == down || t == downAlways:
		return k.busy(c)
	}
	return notProcessed()
}

// busy says no for now, in one of the two ways that there are.
func (k *carrier) busy(c echo.Context) error {
	c.Response().Header().Set("Retry-After", "1")
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dice.IntN(2) == 0 {
		return web.Fail(http.StatusTooManyRequests, "rate_limited", "nothing was done; try again after the time in Retry-After")
	}
	return web.Fail(http.StatusServiceUnavailable, "unavailable", "nothing was done; try again after the time in Retry-After")
}

func (k *carrier) void(c echo.Context) error {
	var asked struct {
		Reference string `json:"reference"`
	}
	if err := readJSON(c, &asked); err != nil {
		return err
	}
	if asked.Reference == "" {
		return web.Fail(http.StatusUnprocessableEntity, "invalid", "reference is missing")
	}
	n, err := k.books.void(asked.Reference)
	if errors.Is(err, errScanned) {
		return web.Fail(http.StatusConflict, "already_scanned", "a parcel of this reference is on its way")
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]int{"voided": n})
}

func (k *carrier) list(c echo.Context) error {
	reference := c.QueryParam("reference")
	if reference == "" {
		return web.Fail(http.StatusUnprocessableEntity, "invalid", "ask for ?reference=")
	}
	return c.JSON(http.StatusOK, map[string][]Label{"labels": k.books.labels(reference)})
}

// show is a label as JSON, for whoever has the key, or as a text to look at: that address is secret enough.
func (k *carrier) show(c echo.Context) error {
	tracking, asText := strings.CutSuffix(c.Param("tracking"), ".txt")
	if !asText && !k.hasKey(c.Request()) {
		return web.Fail(http.StatusUnauthorized, "unauthorized", "send Authorization: Bearer <key>")
	}
	p, found := k.books.parcel(tracking)
	switch {
	case !found:
		return web.Fail(http.StatusNotFound, "not_found", "there is no label of that number")
	case asText:
		return c.String(http.StatusOK, p.text())
	}
	return c.JSON(http.StatusOK, p.Label)
}

// Limits of what is asked.
const (
	keyLongest  = 255
	bodyLongest = 64 << 10
	itemsMost   = 1000
	textLongest = 500
)

func readJSON(c echo.Context, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, bodyLongest))
	if err != nil {
		return web.Fail(http.StatusUnprocessableEntity, "invalid", "the body cannot be read, or is above 64 KiB")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return web.Fail(http.StatusUnprocessableEntity, "invalid", "the body is not the JSON that this address takes")
	}
	return nil
}

// wrong says what is wrong with an order; empty if nothing is. It repeats nothing of an address.
func (o Order) wrong() string {
	switch {
	case o.Reference == "" || len(o.Reference) > textLongest:
		return "reference is missing or too long"
	case len(o.Items) == 0 || len(o.Items) > itemsMost:
		return "items are missing or too many"
	case o.To.Country != "" && len(o.To.Country) != 2:
		return "to.country is a code of two letters"
	}
	for _, i := range o.Items {
		if i.Quantity < 1 || len(i.SKU) > textLongest {
			return "every item has a sku and a quantity of at least 1"
		}
	}
	for _, field := range []string{o.To.Name, o.To.Company, o.To.Line1, o.To.Line2, o.To.City, o.To.Region, o.To.PostalCode, o.To.Phone} {
		if len(field) > textLongest {
			return "a field of the address is too long"
		}
	}
	return ""
}

// hash tells orders apart by what they say, not by how their JSON was written.
func (o Order) hash() string {
	data, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and numbers
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// price is what a label costs: twice as much where it is to go first.
func price(o Order) Cost {
	if o.Priority {
		return Cost{998, "USD"}
	}
	return Cost{499, "USD"}
}

// newTracking is a number that nobody can guess, since it opens the label.
func newTracking() string {
	var raw [10]byte
	rand.Read(raw[:])
	return "SB" + base32.StdEncoding.EncodeToString(raw[:])
}

func baseURL(c echo.Context) string { return c.Scheme() + "://" + c.Request().Host }

// text is the label as it would be printed.
func (p parcel) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "SANDBOX PARCEL  %s\nreference       %s\n", p.Label.Tracking, p.Label.Reference)
	if p.Label.Voided {
		b.WriteString("\n*** VOID: not good for shipping ***\n")
	}
	b.WriteString("\nTO\n")
	a := p.Order.To
	place := strings.Join(strings.Fields(strings.Join([]string{a.PostalCode, a.City, a.Region, a.Country}, " ")), " ")
	for _, line := range []string{a.Name, a.Company, a.Line1, a.Line2, place} {
		if line != "" {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	if a == (Address{}) {
		b.WriteString("  (nobody: it waits at the counter)\n")
	}
	b.WriteString("\nCONTENTS\n")
	for _, i := range p.Order.Items {
		fmt.Fprintf(&b, "  %6d x %s\n", i.Quantity, i.SKU)
	}
	for _, s := range p.Scans {
		fmt.Fprintf(&b, "\n%s  %-16s  %s", s.OccurredAt.Format(time.RFC3339), s.Status, s.Location)
	}
	b.WriteString("\n")
	return b.String()
}
