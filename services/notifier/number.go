package notifier

import (
	"regexp"
	"strings"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// e164 is a number as the whole world dials it: a plus, and 8 to 15 digits that do not begin with 0.
var e164 = regexp.MustCompile(`^\+[1-9]\d{7,14}$`)

// numberOf is where a text to the person goes; empty if no number of theirs can be dialled from anywhere. A number that
// is written without its country is one only in North America, where it cannot be taken for another one.
func numberOf(p *typev1.Person) string {
	for _, told := range []struct{ number, country string }{
		{p.GetPhone(), p.GetShipping().GetCountry()},
		{p.GetShipping().GetPhone(), p.GetShipping().GetCountry()},
		{p.GetBilling().GetPhone(), p.GetBilling().GetCountry()},
	} {
		if n := dialled(told.number, told.country); n != "" {
			return n
		}
	}
	return ""
}

func dialled(number, country string) string {
	digits, foreign := strings.Builder{}, false
	number = strings.Replace(strings.TrimSpace(number), "(0)", "", 1) // +49 (0)30: it is not dialled from abroad
	for i, c := range number {
		switch {
		case c >= '0' && c <= '9':
			digits.WriteRune(c)
		case c == '+' && i == 0:
			foreign = true
		case strings.ContainsRune(" ()-./\u00a0\u2010\u2011\u2013", c): // how people write them
		default: // an extension, or no number at all
			return ""
		}
	}
	n := digits.String()
	switch {
	case foreign:
		n = "+" + n
	case strings.HasPrefix(n, "00"):
		n = "+" + n[2:]
	case (country == "US" || country == "CA") && len(n) == 10 && n[0] > '1':
		n = "+1" + n
	case (country == "US" || country == "CA") && len(n) == 11 && n[0] == '1':
		n = "+" + n
	}
	if !e164.MatchString(n) {
		return ""
	}
	return n
}
