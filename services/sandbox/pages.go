package sandbox

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/orderflow/orderflow/pkg/web"
)

//go:embed templates
var templates embed.FS

// pages show the mailbox, the phone and the labels, to programs as JSON and to people as HTML.
type pages struct {
	books  *books
	front  *template.Template
	letter *template.Template
}

func newPages(b *books) *pages {
	functions := template.FuncMap{
		"clock": func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05") },
		"names": func(to []string) string { return strings.Join(to, ", ") },
	}
	parse := func(name string) *template.Template {
		return template.Must(template.New("layout.html").Funcs(functions).ParseFS(templates, "templates/layout.html", "templates/"+name))
	}
	return &pages{books: b, front: parse("front.html"), letter: parse("mail.html")}
}

func (p *pages) routes(e *echo.Echo) {
	e.GET("/", p.home)
	e.GET("/mails", p.list)
	e.DELETE("/mails", p.empty)
	e.GET("/mails/:id", p.mail)
	e.GET("/texts", p.texts)
	e.GET("/books", func(c echo.Context) error { return c.JSON(http.StatusOK, p.books.counts()) })
}

// How many are shown on a page, and given to a program that does not say.
const (
	shownMost  = 100
	listedMost = 1000
)

// list is the newest mails as JSON: ?to=, ?message_id=, ?limit=.
func (p *pages) list(c echo.Context) error {
	limit := shownMost
	if asked := c.QueryParam("limit"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || n > listedMost {
			return web.Fail(http.StatusUnprocessableEntity, "invalid", "limit is a number from 1 to 1000")
		}
		limit = n
	}
	mails, err := p.books.mailsWhere(limit, sentTo(c.QueryParam("to"), c.QueryParam("message_id")))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string][]Mail{"mails": mails})
}

// texts is the newest texts as JSON: ?to=.
func (p *pages) texts(c echo.Context) error {
	to := c.QueryParam("to")
	return c.JSON(http.StatusOK, map[string][]Text{"texts": p.books.textsWhere(listedMost, func(t Text) bool { return to == "" || t.To == to })})
}

func (p *pages) empty(c echo.Context) error {
	if err := p.books.empty(); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// home lists mails, texts and labels, those that hold the words that were searched for.
func (p *pages) home(c echo.Context) error {
	search := strings.ToLower(strings.TrimSpace(c.QueryParam("q")))
	mails, err := p.books.mailsWhere(shownMost, func(m Mail) bool {
		return strings.Contains(strings.ToLower(m.Subject+" "+strings.Join(m.To, " ")), search)
	})
	if err != nil {
		return err
	}
	texts := p.books.textsWhere(shownMost, func(t Text) bool { return strings.Contains(strings.ToLower(t.Body+" "+t.To), search) })
	var parcels []parcel
	for _, each := range p.books.latest(shownMost) {
		if strings.Contains(strings.ToLower(each.Label.Reference+" "+each.Label.Tracking), search) {
			parcels = append(parcels, each)
		}
	}
	return render(c, p.front, map[string]any{
		"Search": c.QueryParam("q"), "Mails": mails, "Texts": texts, "Parcels": parcels, "Counts": p.books.counts(), "Most": shownMost,
	})
}

// mail shows one mail. Its HTML stands in a frame that may do nothing.
func (p *pages) mail(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return echo.ErrNotFound
	}
	mails, err := p.books.mailsWhere(1, func(m Mail) bool { return m.ID == id })
	if err != nil {
		return err
	}
	if len(mails) == 0 {
		return web.Fail(http.StatusNotFound, "not_found", "there is no such mail, or it made room for newer ones")
	}
	return render(c, p.letter, mails[0])
}

// policy lets a page load nothing from anywhere: mails are written by strangers.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func render(c echo.Context, t *template.Template, data any) error {
	var page bytes.Buffer
	if err := t.Execute(&page, data); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	return c.HTMLBlob(http.StatusOK, page.Bytes())
}

// State is the one word for a parcel on the page.
func (p parcel) State() string {
	switch {
	case p.Label.Voided:
		return "void"
	case len(p.Scans) == 0:
		return "bought"
	}
	return strings.ReplaceAll(p.Scans[len(p.Scans)-1].Status, "_", " ")
}
