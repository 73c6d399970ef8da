package source

import "strings"

// ID reads an id that is a positive whole number, in the digits in which it came; empty, and noted, if it is none. A
// float stands for several ids, so it is none.
func (t *Trouble) ID(field string, id Scalar) string {
	digits := id.String()
	switch {
	case digits == "":
		t.Missing(field)
		return ""
	case len(digits) > 40 || strings.Trim(digits, "0123456789") != "" || strings.Trim(digits, "0") == "":
		t.Bad(field, "is not an id: a whole number above zero")
		return ""
	}
	return digits
}

// StripeName is the name of a payment that Stripe made, by the id of its intent or charge as a shop repeats it; empty
// for any other id. A client secret begins like an intent and must not be kept, so it is none.
func StripeName(id string) string {
	kind, rest, _ := strings.Cut(id, "_")
	if kind != "pi" && kind != "ch" && kind != "py" || rest == "" || len(id) > 200 || strings.Contains(rest, "_secret") {
		return ""
	}
	for _, c := range rest {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' {
			return ""
		}
	}
	return "stripe:" + id
}
