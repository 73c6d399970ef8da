package load

import (
	"embed"
	"strconv"
	"strings"
	"time"
)

// bodies are what the providers send, with {{fields}} that differ from order to order. A string field is written as it
// stands, so its values need no escaping.
//
//go:embed bodies/*.json
var bodies embed.FS

// template is a body in pieces: literal, field, literal, field, … literal.
type template struct {
	literals []string
	fields   []func(dst []byte, o *order) []byte
}

// topics are the headers' topics of sources that have one.
var topics = map[string]string{"shopify": "orders/paid", "woocommerce": "order.created"}

// Names lists the sources whose orders can be sent.
func Names() []string { return []string{"stripe", "shopify", "woocommerce", "checkout"} }

// templateOf reads a source's template; it fails for a source that has none.
func templateOf(source string) (*template, error) {
	file, err := bodies.ReadFile("bodies/" + source + ".json")
	if err != nil {
		return nil, err
	}
	t := &template{}
	rest := strings.TrimSpace(string(file))
	for {
		before, after, found := strings.Cut(rest, "{{")
		t.literals = append(t.literals, before)
		if !found {
			return t, nil
		}
		name, tail, _ := strings.Cut(after, "}}")
		t.fields = append(t.fields, fields[name])
		rest = tail
	}
}

// write appends an order's body.
func (t *template) write(dst []byte, o *order) []byte {
	for i, field := range t.fields {
		dst = append(dst, t.literals[i]...)
		dst = field(dst, o)
	}
	return append(dst, t.literals[len(t.fields)]...)
}

const wooClock = "2006-01-02T15:04:05"

// fields are what a template may name.
var fields = map[string]func(dst []byte, o *order) []byte{
	"number":    func(dst []byte, o *order) []byte { return append(dst, o.number...) },
	"id":        func(dst []byte, o *order) []byte { return strconv.AppendInt(dst, o.id, 10) },
	"email":     func(dst []byte, o *order) []byte { return append(dst, o.email()...) },
	"unix":      func(dst []byte, o *order) []byte { return strconv.AppendInt(dst, o.at.Unix(), 10) },
	"rfc":       func(dst []byte, o *order) []byte { return o.at.UTC().AppendFormat(dst, time.RFC3339) },
	"clock":     func(dst []byte, o *order) []byte { return o.at.UTC().AppendFormat(dst, wooClock) },
	"minor":     func(dst []byte, o *order) []byte { return strconv.AppendInt(dst, o.total(), 10) },
	"total":     func(dst []byte, o *order) []byte { return dollars(dst, o.total()) },
	"sku1":      func(dst []byte, o *order) []byte { return append(dst, o.lines[0].sku...) },
	"sku2":      func(dst []byte, o *order) []byte { return append(dst, o.lines[1].sku...) },
	"quantity1": func(dst []byte, o *order) []byte { return strconv.AppendInt(dst, o.lines[0].quantity, 10) },
	"quantity2": func(dst []byte, o *order) []byte { return strconv.AppendInt(dst, o.lines[1].quantity, 10) },
	"price1":    func(dst []byte, o *order) []byte { return dollars(dst, o.lines[0].price) },
	"price2":    func(dst []byte, o *order) []byte { return dollars(dst, o.lines[1].price) },
	"sum1":      func(dst []byte, o *order) []byte { return dollars(dst, o.lines[0].sum()) },
	"sum2":      func(dst []byte, o *order) []byte { return dollars(dst, o.lines[1].sum()) },
}

// dollars appends an amount of cents as 19.90.
func dollars(dst []byte, cents int64) []byte {
	dst = strconv.AppendInt(dst, cents/100, 10)
	return append(dst, '.', byte('0'+cents/10%10), byte('0'+cents%10))
}
