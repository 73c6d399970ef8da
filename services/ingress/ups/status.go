package ups

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// codes are those of activities that say more than their descriptions.
var codes = map[string]intakev1.ScanStep{
	"MP": source.NoScan,    // ready for UPS
	"OR": source.InTransit, // origin scan
	"AR": source.InTransit, // arrival
	"DP": source.InTransit, // departure
	"YP": source.InTransit, // being prepared for delivery
	"OT": source.OutForDelivery,
	"FS": source.Delivered,
	"F4": source.Delivered,
	"KB": source.Delivered,
}

// descriptions are the codes of descriptions, three digits as text.
var descriptions = map[string]intakev1.ScanStep{
	"003": source.NoScan,         // order processed
	"005": source.InTransit,      // on the way
	"006": source.OutForDelivery, // on the vehicle
	"007": source.Exception,      // shipment voided
	"010": source.InTransit,      // departed
	"011": source.Delivered,
	"012": source.InTransit, // clearance in progress
	"013": source.Exception,
	"014": source.InTransit, // cleared
	"016": source.Exception, // held in the warehouse
	"017": source.InTransit, // held for the customer to fetch it
	"018": source.InTransit, // another delivery asked for
	"019": source.InTransit, // held for a later delivery
	"021": source.OutForDelivery,
	"022": source.Exception, // first attempt
	"023": source.Exception, // second
	"024": source.Exception, // last
	"025": source.InTransit, // handed to the post office
	"026": source.Delivered, // by the post office
	"027": source.InTransit, // another address asked for
	"028": source.InTransit, // address changed
	"029": source.Exception, // something has to be done
	"030": source.Exception, // at the post office
	"032": source.Exception, // weather
	"033": source.Exception, // return asked for
	"034": source.Returned,
	"035": source.Returned,
	"036": source.Returned,
	"037": source.Returned,
	"038": source.InTransit, // picked up
	"039": source.InTransit, // with the post office
	"040": source.InTransit, // at an access point, to be fetched
	"044": source.InTransit, // to UPS
	"045": source.NoScan,    // order processed, to UPS
	"046": source.Exception, // delayed
	"047": source.Exception,
	"048": source.Exception,
	"049": source.Exception,
	"050": source.Exception, // address wanted
	"051": source.Exception, // emergency or weather
	"052": source.Exception,
	"053": source.Exception,
	"055": source.Exception, // another day
	"057": source.InTransit, // to the post office
	"058": source.Exception, // customs want to know more
	"059": source.Exception, // damage
	"060": source.Exception, // attempt
	"061": source.Exception,
	"062": source.Exception,
	"064": source.Exception, // refused
	"067": source.Exception, // attempt of the post office
	"068": source.Returned,  // by the post office
	"069": source.Exception, // to lost and found, which may find it
	"070": source.Exception, // not fetched
	"071": source.InTransit, // being prepared for delivery
}

// types are the kinds of activities. D is none of them: it is of everything around delivery.
var types = map[string]intakev1.ScanStep{
	"M":  source.NoScan, // manifest
	"MV": source.NoScan, // manifest voided
	"U":  source.NoScan, // another day of delivery
	"I":  source.InTransit,
	"X":  source.Exception,
}

func stepOf(code, description, kind string) (step intakev1.ScanStep, known bool) {
	if step, known = codes[code]; known {
		return step, true
	}
	if step, known = descriptions[description]; known {
		return step, true
	}
	step, known = types[kind]
	return step, known
}
