package ingress

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/orderflow/orderflow/pkg/web"
)

// Door is what can be set about who gets in, how often, and how long it may take. What is said of every source can be
// said of one of them, with its name in the place of INGRESS.
type Door struct {
	AnswerTimeout time.Duration `env:"INGRESS_ANSWER_TIMEOUT" envDefault:"10s" desc:"How long a request may take in all, from its headers to its answer, before the provider is told to come again (503, or 408 if its body is slow). Shorter where a provider waits less: Shopify 4s, Shippo 2.5s, EasyPost 5.5s, Adyen 8s; Amazon and Twilio 12s, WooCommerce 25s, which is the longest. <SOURCE>_ANSWER_TIMEOUT for one source."`
	Rate          int           `env:"INGRESS_RATE" envDefault:"20000" desc:"Requests a second for each account, and as many at once after a quiet second; the others are told to come again (429). 0 is no limit. <SOURCE>_RATE for one source."`
	AddressRate   int           `env:"INGRESS_ADDRESS_RATE" envDefault:"20000" desc:"The same for each address that calls; an IPv6 network of 64 bits is one. 0 is no limit."`
	Bodies        int64         `env:"INGRESS_BODIES" envDefault:"268435456" desc:"Bytes of bodies that may be in hand at a time, of all requests together; the others are told to come again (503). At least 6291456; 0 is no limit."`
	Allow         []string      `env:"INGRESS_ALLOW" desc:"Addresses that may call, separated by commas, such as 203.0.113.0/24; others get 403. Empty: all. <SOURCE>_ALLOW for one source."`
	Proxies       []string      `env:"INGRESS_TRUSTED_PROXIES" desc:"Addresses of proxies in front, separated by commas, such as 10.0.0.0/8: only what they say in X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host is believed."`
	TLSCert       string        `env:"INGRESS_TLS_CERT" desc:"File with the certificate and its chain (PEM), to speak TLS; it is read again when it changes. Empty: plain HTTP, for a proxy in front that speaks TLS."`
	TLSKey        string        `env:"INGRESS_TLS_KEY" desc:"File with the certificate's key (PEM)."`
	Reload        time.Duration `env:"INGRESS_RELOAD" envDefault:"5s" desc:"How often files of secrets and of the certificate are looked at; 0 is never. A file of secrets, one a line, is named by the secret's setting with _FILE after it: STRIPE_WEBHOOK_SECRET_FILE, STRIPE_WEBHOOK_SECRET_<ACCOUNT>_FILE."`
}

// check says everything that cannot be meant.
func (d *Door) check() error {
	var errs []error
	if d.AnswerTimeout < 0 || d.AnswerTimeout > longestAnswer {
		errs = append(errs, fmt.Errorf("INGRESS_ANSWER_TIMEOUT is at most %s", longestAnswer))
	}
	if d.AddressRate < 0 {
		errs = append(errs, errors.New("INGRESS_ADDRESS_RATE is a number of requests a second; 0 is no limit"))
	}
	if d.Bodies != 0 && d.Bodies < mostBody {
		errs = append(errs, fmt.Errorf("INGRESS_BODIES is at least %d, which is the largest body of one request; 0 is no limit", mostBody))
	}
	if d.Reload < 0 {
		errs = append(errs, errors.New("INGRESS_RELOAD has to be longer than nothing; 0 is never"))
	}
	if (d.TLSCert == "") != (d.TLSKey == "") {
		errs = append(errs, errors.New("INGRESS_TLS_CERT and INGRESS_TLS_KEY are set together"))
	}
	_, err := parsePrefixes("INGRESS_TRUSTED_PROXIES", d.Proxies)
	return errors.Join(append(errs, err)...)
}

// enter is what a request passes before its body is looked at: is its account known, may its sender call, not too often?
// The account is the zero one if it is not known.
func (h *handler) enter(c echo.Context, from caller) (a account, outcome string, err error) {
	if wait := h.slow(h.addresses, web.AddressKey(from.address)); wait > 0 {
		return account{}, limited, tooOften(c, wait)
	}
	a, ok := h.accounts.find(c.Param("source"), c.Param("account"))
	if !ok {
		return account{}, unknown, web.Fail(http.StatusNotFound, "not_found", "")
	}
	if len(a.allow) > 0 && !a.allow.has(from.address) {
		return a, notAllowed, web.Fail(http.StatusForbidden, "not_allowed", "")
	}
	if wait := h.slow(a.rate, a.Name); wait > 0 {
		return a, limited, tooOften(c, wait)
	}
	return a.current(), "", nil
}

// tooOften is the answer to who has to wait.
func tooOften(c echo.Context, wait time.Duration) error {
	seconds := int64((wait + time.Second - 1) / time.Second)
	c.Response().Header().Set(echo.HeaderRetryAfter, strconv.FormatInt(seconds, 10))
	return web.Fail(http.StatusTooManyRequests, "too_often", fmt.Sprintf("Please send it again in %d s.", seconds))
}
