package sandbox

import (
	"slices"
	"strings"
)

// trouble is a wish to be treated badly, written into any field of an address (line2, as a rule) as sandbox:<word>, so
// that every failure of a carrier can be shown and tested.
type trouble string

// The troubles.
const (
	noTrouble  trouble = ""
	refuse     trouble = "refuse"      // 422, however often
	failOnce   trouble = "fail-once"   // 500 for the first call of the reference: certainly nothing was done
	failTwice  trouble = "fail-twice"  // the same for two
	failAlways trouble = "fail-always" // the same without end
	down       trouble = "down"        // 429 and 503 with Retry-After, three times, then it works
	downAlways trouble = "down-always" // the same without end
	slow       trouble = "slow"        // the label is bought at once, the answer comes late
	lost       trouble = "lost"        // scanned once, then lost
	sentBack   trouble = "return"      // on its way, then returned
	exception  trouble = "exception"   // a day late, then delivered
	neverSeen  trouble = "no-scan"     // sold and never seen again
)

var troubles = []trouble{
	refuse, failOnce, failTwice, failAlways, down, downAlways, slow, lost, sentBack, exception, neverSeen,
}

const troublePrefix = "sandbox:"

// troubleOf is what an address asks for. A word that stands for nothing is told, not passed over.
func troubleOf(a Address) (t trouble, known bool) {
	for _, field := range []string{a.Line2, a.Line1, a.Name, a.Company, a.City} {
		for word := range strings.FieldsSeq(strings.ToLower(field)) {
			if wish, found := strings.CutPrefix(word, troublePrefix); found {
				t = trouble(strings.Trim(wish, ",;."))
				return t, slices.Contains(troubles, t)
			}
		}
	}
	return noTrouble, true
}

// failures is how many calls of a reference fail on purpose.
func (t trouble) failures() int {
	const always = 1 << 30
	switch t {
	case failOnce:
		return 1
	case failTwice:
		return 2
	case down:
		return 3
	case failAlways, downAlways:
		return always
	default:
		return 0
	}
}

// step is one scan of a course.
type step struct{ status, code, location string }

// The scans that a parcel meets, in their order.
var (
	pickedUp     = step{"in_transit", "PU", "Origin hub"}
	outToday     = step{"out_for_delivery", "OD", "Local depot"}
	handedOver   = step{"delivered", "DL", "Front door"}
	delayed      = step{"exception", "DE", "Local depot"}
	gone         = step{"lost", "LO", "Regional hub"}
	onItsWayBack = step{"returned", "RT", "Local depot"}
)

// What is scanned of a parcel whose address asks for nothing else.
const (
	scansAll       = "all"
	scansDelivered = "delivered"
)

// course is what will be scanned of a parcel.
func course(a Address, scans string) []step {
	t, _ := troubleOf(a)
	switch t {
	case neverSeen:
		return nil
	case lost:
		return []step{pickedUp, gone}
	case sentBack:
		return []step{pickedUp, outToday, onItsWayBack}
	case exception:
		return []step{pickedUp, delayed, outToday, handedOver}
	default:
		if scans == scansDelivered {
			return []step{handedOver}
		}
		return []step{pickedUp, outToday, handedOver}
	}
}
