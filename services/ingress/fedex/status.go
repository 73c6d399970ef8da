package fedex

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// codes are FedEx's codes of events and of derived statuses.
var codes = map[string]intakev1.ScanStep{
	"OC": source.NoScan, // label
	"IN": source.NoScan, // initiated
	"OX": source.NoScan, // told to the post
	"AS": source.NoScan, // address corrected
	"CH": source.NoScan, // location changed
	"RR": source.NoScan, // delivery option asked for
	"RC": source.NoScan, // and taken back
	"RP": source.NoScan, // return label sent
	"AO": source.NoScan, // expected on time

	"PU": source.InTransit, // picked up
	"PX": source.InTransit,
	"DO": source.InTransit, // dropped off
	"IP": source.InTransit, // in FedEx's possession
	"IT": source.InTransit,
	"IX": source.InTransit,
	"OW": source.InTransit, // on its way
	"AR": source.InTransit, // arrived
	"AP": source.InTransit, // at pickup
	"AF": source.InTransit, // at a facility
	"AX": source.InTransit, // at a post office
	"AC": source.InTransit, // at Canada Post
	"AA": source.InTransit, // at an airport
	"OF": source.InTransit, // at the facility of origin
	"LO": source.InTransit, // left it
	"FD": source.InTransit, // at the facility of destination
	"SF": source.InTransit, // at sorting
	"DP": source.InTransit, // departed
	"EO": source.InTransit, // to the airport of origin
	"EP": source.InTransit, // to pickup
	"PF": source.InTransit, // in flight
	"PL": source.InTransit, // landed
	"PM": source.InTransit, // in progress
	"TR": source.InTransit, // handed over
	"SP": source.InTransit, // split
	"EA": source.InTransit, // export approved
	"CC": source.InTransit, // cleared customs
	"CP": source.InTransit, // in customs
	"HL": source.InTransit, // held for the customer to fetch it
	"HP": source.InTransit, // ready to be fetched

	"OD": source.OutForDelivery,
	"ED": source.OutForDelivery,
	"AD": source.OutForDelivery, // at delivery

	"DL": source.Delivered,

	"DE": source.Exception, // at delivery
	"SE": source.Exception, // on the way
	"DD": source.Exception, // delayed
	"DY": source.Exception,
	"PD": source.Exception,
	"CD": source.Exception, // delayed by customs
	"CA": source.Exception, // cancelled

	"RS": source.Returned,
}

// stepOf is the event's step; the derived status stands in for a code that nobody knows.
func stepOf(code, derived source.Scalar) (step intakev1.ScanStep, known bool) {
	if step, known = codes[code.String()]; !known {
		step, known = codes[derived.String()]
	}
	return step, known
}
