package notifier

import (
	"bytes"
	"embed"
	"fmt"
	html "html/template"
	"strings"
	text "text/template"

	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
)

//go:embed templates
var templates embed.FS

// kinds are the messages that there are words for.
var kinds = []notificationv1.Kind{
	notificationv1.Kind_KIND_CONFIRMED, notificationv1.Kind_KIND_SHIPPED, notificationv1.Kind_KIND_DELIVERED,
	notificationv1.Kind_KIND_HELD, notificationv1.Kind_KIND_REFUNDED, notificationv1.Kind_KIND_CANCELLED,
}

// textKinds are the messages that there are texts for.
var textKinds = []string{"shipped", "delivered"}

// words put letters into words: each kind has a subject, a text and an HTML part.
type words struct {
	subject, text map[notificationv1.Kind]*text.Template
	html          map[notificationv1.Kind]*html.Template
	sms           map[string]*text.Template
}

// written is a letter in words.
type written struct{ Subject, Text, HTML string }

// newWords reads the templates; a mistake in one of them is a mistake in the program.
func newWords() words {
	w := words{map[notificationv1.Kind]*text.Template{}, map[notificationv1.Kind]*text.Template{}, map[notificationv1.Kind]*html.Template{}, map[string]*text.Template{}}
	for _, kind := range textKinds {
		w.sms[kind] = text.Must(text.ParseFS(templates, "templates/"+kind+".sms"))
	}
	for _, k := range kinds {
		name := "templates/" + kindName(k)
		w.subject[k] = text.Must(text.ParseFS(templates, name+".subject"))
		w.text[k] = text.Must(text.New("layout.txt").ParseFS(templates, "templates/layout.txt", name+".txt"))
		w.html[k] = html.Must(html.New("layout.html").ParseFS(templates, "templates/layout.html", name+".html"))
	}
	return w
}

func (w words) write(k notificationv1.Kind, l letter) (written, error) {
	if w.text[k] == nil {
		return written{}, fmt.Errorf("there are no words for %s", k)
	}
	var subject, plain, rich bytes.Buffer
	if err := w.subject[k].Execute(&subject, l); err != nil {
		return written{}, fmt.Errorf("write the subject of %s: %w", k, err)
	}
	if err := w.text[k].Execute(&plain, l); err != nil {
		return written{}, fmt.Errorf("write the text of %s: %w", k, err)
	}
	if err := w.html[k].Execute(&rich, l); err != nil {
		return written{}, fmt.Errorf("write the HTML of %s: %w", k, err)
	}
	return written{strings.TrimSpace(subject.String()), plain.String(), rich.String()}, nil
}

// brief is a letter as a text, in one line.
func (w words) brief(k notificationv1.Kind, l letter) (string, error) {
	t := w.sms[kindName(k)]
	if t == nil {
		return "", fmt.Errorf("there is no text for %s", k)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, l); err != nil {
		return "", fmt.Errorf("write the text of %s: %w", k, err)
	}
	return strings.TrimSpace(b.String()), nil
}
