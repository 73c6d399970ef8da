package b2b

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/payload"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// unusable are the orders of a body that cannot be used, or not wholly. Of as many as there is room for it says why, of
// more which they are, and of the rest how many.
type unusable struct {
	of, all, unnamed int
	reason           string
	why, more        []string
	length           int
}

// How long the words about one order get, about all with their reasons, and with the places of more. A quarantine's
// detail is for people; it ends at 1,000 bytes.
const (
	longestWhy  = 240
	longestAll  = 600
	longestMore = 850
)

// documentNumber is what a number of an order looks like. Whatever else a portal writes there is not repeated: it may be
// a person's.
var documentNumber = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,39}$`)

func (u *unusable) add(n int, name payload.Name, q *intakev1.Quarantine) {
	u.all++
	if u.all == 1 {
		u.reason = q.GetReason()
	}
	place := fmt.Sprintf("data.orders[%d]", n)
	why := place + called(name) + ": " + source.Clean(q.GetDetail(), longestWhy)
	switch {
	case len(u.more) == 0 && u.length+len(why) < longestAll:
		u.why = append(u.why, why)
		u.length += len(why) + 2
	case u.unnamed == 0 && u.length+len(place) < longestMore:
		u.more = append(u.more, place)
		u.length += len(place) + 2
	default:
		u.unnamed++
	}
}

// called is the order's number, or its id, if it looks like one.
func called(n payload.Name) string {
	number := n.Number
	if number == "" {
		number = n.ID
	}
	if !documentNumber.MatchString(number) {
		return ""
	}
	return " (" + number + ")"
}

func (u *unusable) quarantine() *intakev1.Quarantine {
	if u.all == 0 {
		return nil
	}
	parts := append([]string{fmt.Sprintf("%d of %d orders cannot be used as they are", u.all, u.of)}, u.why...)
	if len(u.more) > 0 {
		parts = append(parts, "and "+strings.Join(u.more, ", "))
	}
	if u.unnamed > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", u.unnamed))
	}
	return source.Quarantine(u.reason, strings.Join(parts, "; "))
}
