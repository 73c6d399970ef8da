package shippo

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// statuses are all of Shippo's. UNKNOWN is also what a label is called that no carrier has seen.
var statuses = map[string]intakev1.ScanStep{
	"UNKNOWN":     source.NoScan,
	"PRE_TRANSIT": source.NoScan,
	"TRANSIT":     source.InTransit,
	"DELIVERED":   source.Delivered,
	"RETURNED":    source.Returned,
	"FAILURE":     source.Exception,
}

// closer are the substatuses that say more than the status above them, as long as that is not the end.
var closer = map[string]intakev1.ScanStep{
	"out_for_delivery":      source.OutForDelivery,
	"package_lost":          source.Lost,
	"package_disposed":      source.Lost,
	"return_to_sender":      source.Returned,
	"delivery_attempted":    source.Exception,
	"notice_left":           source.Exception,
	"address_issue":         source.Exception,
	"location_inaccessible": source.Exception,
	"package_damaged":       source.Exception,
	"package_unclaimed":     source.Exception,
	"package_undeliverable": source.Exception,
}

func stepOf(status, substatus string) (step intakev1.ScanStep, known bool) {
	step, known = statuses[status]
	switch step { //nolint:exhaustive // the others may be said more closely
	case source.Delivered, source.Returned:
		return step, known
	}
	if more, ok := closer[substatus]; ok && status != "PRE_TRANSIT" {
		return more, true
	}
	return step, known
}
