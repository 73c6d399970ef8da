package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// phone takes texts as Twilio's Messages API does (twilio.com/docs/messaging/api/message-resource), and delivers none.
// Some numbers make trouble, as those of Twilio's test credentials do: see refusals.
type phone struct {
	config  Config
	books   *books
	carrier *carrier // as moody as that one
	teller  *teller
	clock   func() time.Time
}

const messagesPath = "/2010-04-01/Accounts/:account/Messages.json"

func (p *phone) routes(e *echo.Echo) {
	e.POST(messagesPath, p.take, p.authorized, p.carrier.late)
	e.GET(messagesPath, p.list, p.authorized, p.carrier.late)
}

// Text is a text that was taken, as the sandbox shows it.
type Text struct {
	SID       string    `json:"sid"`
	To        string    `json:"to"`
	From      string    `json:"from,omitempty"`
	Service   string    `json:"messaging_service_sid,omitempty"`
	Body      string    `json:"body"`
	Status    string    `json:"status"`
	ErrorCode int       `json:"error_code,omitempty"`
	Callback  string    `json:"callback,omitempty"`
	TakenAt   time.Time `json:"taken_at"`
}

// refusals are the numbers to which no text is taken, with Twilio's codes.
var refusals = map[string]int{
	"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610, "+15005550009": 21614,
}

// unreachable is the number to which texts are taken and not delivered.
const unreachable = "+15005550007"

var (
	dialled    = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)
	textsMost  = 1600
	formLength = int64(64 << 10)
)

// authorized asks for the account and its token.
func (p *phone) authorized(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		user, password, _ := c.Request().BasicAuth()
		known := p.config.TwilioAccount != "" && user == p.config.TwilioAccount && slices.ContainsFunc(p.config.TwilioTokens, func(token string) bool {
			given, wanted := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(token))
			return token != "" && subtle.ConstantTimeCompare(given[:], wanted[:]) == 1
		})
		switch {
		case !known:
			return twilioError(c, http.StatusUnauthorized, 20003, "Authenticate")
		case c.Param("account") != p.config.TwilioAccount:
			return twilioError(c, http.StatusNotFound, 20404, "The requested resource was not found")
		}
		return next(c)
	}
}

// twilioError answers as Twilio does.
func twilioError(c echo.Context, status, code int, why string) error {
	return c.JSON(status, map[string]any{
		"code": code, "message": why, "more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code), "status": status,
	})
}

// take takes a text: as often as it is asked, since Twilio knows no repeat.
func (p *phone) take(c echo.Context) error {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, formLength)
	if err := c.Request().ParseForm(); err != nil {
		return twilioError(c, http.StatusBadRequest, 20001, "The body is no form")
	}
	if p.carrier.unlucky() {
		return twilioError(c, http.StatusServiceUnavailable, 20503, "Service unavailable")
	}
	form := c.Request().PostForm
	if code, why := wrong(form); code != 0 {
		return twilioError(c, http.StatusBadRequest, code, why)
	}
	t := Text{
		SID: newSID(), To: form.Get("To"), From: form.Get("From"), Service: form.Get("MessagingServiceSid"), Body: form.Get("Body"), Status: "queued",
		Callback: form.Get("StatusCallback"), TakenAt: p.clock().UTC(),
	}
	if err := p.books.takeText(t); err != nil {
		return err
	}
	p.teller.tell(t.SID)
	return c.JSON(http.StatusCreated, p.shown(t))
}

// wrong says what Twilio has against a text; 0 if nothing.
func wrong(form url.Values) (code int, why string) {
	to, from, body := form.Get("To"), form.Get("From"), form.Get("Body")
	switch {
	case to == "":
		return 21604, "A 'To' phone number is required."
	case from == "" && form.Get("MessagingServiceSid") == "":
		return 21603, "A 'From' phone number is required."
	case body == "":
		return 21602, "Message body is required."
	case utf8.RuneCountInString(body) > textsMost:
		return 21617, "The concatenated message body exceeds the 1600 character limit"
	case refusals[to] != 0:
		return refusals[to], "No text can be sent to " + to
	case !dialled.MatchString(to):
		return 21211, "The 'To' number " + to + " is not a valid phone number."
	case from == "+15005550001":
		return 21212, "The 'From' number " + from + " is not a valid phone number."
	}
	return 0, ""
}

func newSID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return "SM" + hex.EncodeToString(b[:])
}

// list shows the newest texts to a number.
func (p *phone) list(c echo.Context) error {
	size := 50
	if n, err := strconv.Atoi(c.QueryParam("PageSize")); err == nil && n > 0 && n <= listedMost {
		size = n
	}
	shown := []map[string]any{}
	for _, t := range p.books.textsWhere(size, func(t Text) bool {
		to, from := c.QueryParam("To"), c.QueryParam("From")
		return (to == "" || t.To == to) && (from == "" || t.From == from)
	}) {
		shown = append(shown, p.shown(t))
	}
	uri := strings.Replace(messagesPath, ":account", p.config.TwilioAccount, 1)
	return c.JSON(http.StatusOK, map[string]any{
		"messages": shown, "page": 0, "page_size": size, "start": 0, "end": max(len(shown)-1, 0), "uri": uri, "first_page_uri": uri, "next_page_uri": nil, "previous_page_uri": nil,
	})
}

// shown is a text in Twilio's words.
func (p *phone) shown(t Text) map[string]any {
	uri := "/2010-04-01/Accounts/" + p.config.TwilioAccount + "/Messages/" + t.SID
	var service, code any
	if t.Service != "" {
		service = t.Service
	}
	if t.ErrorCode != 0 {
		code = t.ErrorCode
	}
	at := t.TakenAt.Format(time.RFC1123Z)
	return map[string]any{
		"sid": t.SID, "account_sid": p.config.TwilioAccount, "api_version": "2010-04-01", "direction": "outbound-api", "to": t.To, "from": t.From, "body": t.Body,
		"messaging_service_sid": service, "status": t.Status, "error_code": code, "error_message": nil, "num_segments": "1", "num_media": "0", "price": nil,
		"price_unit": "USD", "date_created": at, "date_updated": at, "date_sent": nil, "uri": uri + ".json", "subresource_uris": map[string]string{"media": uri + "/Media.json"},
	}
}
