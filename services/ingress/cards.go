package ingress

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// A card number has no business in a webhook, and people type it into whatever takes text. In a fact it would go into
// events, tables and mails; here it ends, in every field that holds words. What names something (an order, a payment, a
// parcel, a phone) may look like one by chance, and stays as it is. The body stays as it was signed, and is sealed.

// words are the fields of facts that hold what somebody wrote.
var words = map[protoreflect.Name]bool{
	"title": true, "reason": true, "detail": true, "failure_code": true, "code": true, "error_code": true, "location": true,
	"name": true, "company": true, "line1": true, "line2": true, "city": true, "region": true, "email": true,
}

// maskedCard is what stands in the place of a card number.
const maskedCard = "[card number]"

// A card number has 13 to 19 digits (ISO/IEC 7812), and people write spaces or hyphens between them.
const (
	cardLeast = 13
	cardMost  = 19
)

// maskCards replaces what is a card number by its digits and their check.
func maskCards(text string) string {
	var masked strings.Builder
	done := 0
	for at := 0; at < len(text); at++ {
		if !digit(text[at]) || at > done && digit(text[at-1]) {
			continue // a number begins where digits do: 007 4111 1111 1111 1111 is two
		}
		if end := cardFrom(text, at); end > at {
			masked.WriteString(text[done:at])
			masked.WriteString(maskedCard)
			done, at = end, end-1
		}
	}
	if done == 0 {
		return text
	}
	masked.WriteString(text[done:])
	return masked.String()
}

// cardFrom is where a card number ends that begins at a place; that place if none does. One space or hyphen may stand
// between groups of its digits.
func cardFrom(text string, at int) (end int) {
	var digits []byte
	end = at
	for i := at; i < len(text) && len(digits) <= cardMost; i++ {
		switch c := text[i]; {
		case digit(c):
			digits = append(digits, c)
			if last := i+1 == len(text) || !digit(text[i+1]); last && isCard(digits) {
				end = i + 1
			}
		case (c == ' ' || c == '-') && i+1 < len(text) && digit(text[i+1]):
		default:
			return end
		}
	}
	return end
}

// isCard says that digits begin as a payment card's do and that the last one fits (Luhn).
func isCard(digits []byte) bool {
	if len(digits) < cardLeast || len(digits) > cardMost || digits[0] < '2' || digits[0] > '6' {
		return false
	}
	sum := 0
	for i := range digits {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// mayHoldCard says that there are as many digits close together as a card number has. Most facts have not.
func mayHoldCard(data []byte) bool {
	digits, gap := 0, 0
	for _, c := range data {
		switch {
		case digit(c):
			digits, gap = digits+1, 0
			if digits >= cardLeast {
				return true
			}
		case gap == 0 && (c == ' ' || c == '-'):
			gap = 1
		default:
			digits, gap = 0, 0
		}
	}
	return false
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
