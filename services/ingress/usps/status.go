package usps

import (
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// codes are the codes of events (USPS Publication 199, appendix on scan events).
var codes = map[string]intakev1.ScanStep{
	"GX": source.NoScan, // label created
	"GC": source.NoScan,
	"MA": source.NoScan, // manifest acknowledged
	"MR": source.NoScan,

	"03": source.InTransit, // accepted
	"06": source.InTransit, // forwarded
	"07": source.InTransit, // at the post office
	"08": source.InTransit, // missent, and sent on
	"10": source.InTransit, // processed
	"14": source.InTransit, // to be fetched
	"15": source.InTransit, // mis-shipped, and sent on
	"16": source.InTransit, // to be fetched
	"17": source.InTransit, // with an agent
	"41": source.InTransit,
	"42": source.InTransit, // handed to a partner
	"80": source.InTransit, // picked up by a partner
	"81": source.InTransit,
	"82": source.InTransit,
	"A1": source.InTransit, // arrived
	"T1": source.InTransit, // departed
	"L1": source.InTransit,
	"EF": source.InTransit,
	"SF": source.InTransit,
	"NT": source.InTransit, // to the next facility
	"TL": source.InTransit,
	"TM": source.InTransit, // accepted
	"PA": source.InTransit,
	"OA": source.InTransit,
	"AE": source.InTransit,
	"PC": source.InTransit, // sorted

	"OF": source.OutForDelivery,

	"01": source.Delivered,
	"43": source.Delivered, // fetched

	"02": source.Exception, // notice left
	"04": source.Exception, // refused
	"05": source.Exception, // undeliverable as addressed
	"30": source.Exception, // no access
	"44": source.Exception, // called back by the sender
	"51": source.Exception, // business closed
	"52": source.Exception, // notice left
	"53": source.Exception, // receptacle blocked
	"54": source.Exception, // or full
	"55": source.Exception, // no secure place
	"56": source.Exception, // nobody there
	"71": source.Exception, // another day
	"DX": source.Exception, // not told what became of it

	"11": source.Lost, // dead mail

	"09": source.Returned, // to the sender, for the reasons 21 to 31
	"21": source.Returned,
	"22": source.Returned,
	"23": source.Returned,
	"24": source.Returned,
	"25": source.Returned,
	"26": source.Returned,
	"27": source.Returned,
	"28": source.Returned,
	"29": source.Returned,
	"31": source.Returned,
}

// words are how statuses, their categories and events begin, in lower case; the first that fits counts.
var words = []struct {
	start string
	step  intakev1.ScanStep
}{
	{"delivered to agent", source.InTransit}, // for final delivery
	{"delivered", source.Delivered},
	{"out for delivery", source.OutForDelivery},
	{"pre-shipment", source.NoScan},
	{"shipping label created", source.NoScan},
	{"usps awaiting item", source.NoScan},
	{"return to sender", source.Returned},
	{"returned to sender", source.Returned},
	{"dead", source.Lost}, // dead mail, dead letter
	{"alert", source.Exception},
	{"delivery attempt", source.Exception},
	{"delivery exception", source.Exception},
	{"notice left", source.Exception},
	{"attempted", source.Exception},
	{"no access", source.Exception},
	{"no authorized recipient", source.Exception},
	{"no secure location", source.Exception},
	{"business closed", source.Exception},
	{"receptacle", source.Exception},
	{"held at", source.Exception},
	{"held in customs", source.Exception},
	{"insufficient address", source.Exception},
	{"undeliverable", source.Exception},
	{"unclaimed", source.Exception},
	{"refused", source.Exception},
	{"rescheduled", source.Exception},
	{"in transit", source.InTransit},
	{"moving through", source.InTransit},
	{"accepted", source.InTransit},
	{"shipment accept", source.InTransit},
	{"acceptance", source.InTransit},
	{"usps in possession", source.InTransit},
	{"usps picked up", source.InTransit},
	{"picked up", source.InTransit},
	{"arriv", source.InTransit}, // arrived, arrival, arriving late
	{"depart", source.InTransit},
	{"origin", source.InTransit},
	{"process", source.InTransit},
	{"inbound", source.InTransit},
	{"sorting", source.InTransit},
	{"forward", source.InTransit},
	{"dispatched", source.InTransit},
	{"customs", source.InTransit},
	{"available for pickup", source.InTransit},
}

// stepOf is an event's step, by its code; its words stand in for a code that nobody knows.
func stepOf(code, text string) (step intakev1.ScanStep, known bool) {
	if step, known = codes[code]; known {
		return step, true
	}
	return stepIn(text)
}

// stepIn is the step that a text tells by how it begins.
func stepIn(text string) (step intakev1.ScanStep, known bool) {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.HasPrefix(text, w.start) {
			return w.step, true
		}
	}
	return source.NoScan, false
}
