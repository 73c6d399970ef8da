package easypost

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// statuses are all of a tracker and of its details.
var statuses = map[string]intakev1.ScanStep{
	"unknown":              source.NoScan,
	"pre_transit":          source.NoScan,
	"in_transit":           source.InTransit,
	"out_for_delivery":     source.OutForDelivery,
	"delivered":            source.Delivered,
	"available_for_pickup": source.InTransit,
	"return_to_sender":     source.Returned,
	"failure":              source.Exception,
	"cancelled":            source.Exception,
	"error":                source.NoScan, // of EasyPost's, not of the parcel
}

// closer are the details that say more than the status beside them, as long as that is not the end.
var closer = map[string]intakev1.ScanStep{
	"out_for_delivery":   source.OutForDelivery,
	"lost":               source.Lost,
	"return":             source.Returned,
	"refused":            source.Exception,
	"damaged":            source.Exception,
	"delivery_exception": source.Exception,
	"transit_exception":  source.Exception,
}

func stepOf(status, detail string) (step intakev1.ScanStep, known bool) {
	step, known = statuses[status]
	switch step { //nolint:exhaustive // the others may be said more closely
	case source.Delivered, source.Returned:
		return step, known
	}
	if more, ok := closer[detail]; ok && status != "pre_transit" {
		return more, true
	}
	return step, known
}
