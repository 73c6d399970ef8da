package easypost

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// event is what comes: an Event with its result, or a Tracker by itself.
type event struct {
	ID          source.Scalar `json:"id"`
	Object      source.Scalar `json:"object"`
	Description source.Scalar `json:"description"`
	Mode        source.Scalar `json:"mode"`
	Result      *tracker      `json:"result"`
	tracker
}

type tracker struct {
	TrackingCode source.Scalar `json:"tracking_code"`
	Carrier      source.Scalar `json:"carrier"`
	Status       source.Scalar `json:"status"`
	StatusDetail source.Scalar `json:"status_detail"`
	Details      []detail      `json:"tracking_details"`
	UpdatedAt    source.Scalar `json:"updated_at"`
}

type detail struct {
	Status       source.Scalar `json:"status"`
	StatusDetail source.Scalar `json:"status_detail"`
	Datetime     source.Scalar `json:"datetime"`
	CarrierCode  source.Scalar `json:"carrier_code"`
	Message      source.Scalar `json:"message"`
	Location     struct {
		City    source.Scalar `json:"city"`
		State   source.Scalar `json:"state"`
		Zip     source.Scalar `json:"zip"`
		Country source.Scalar `json:"country"`
	} `json:"tracking_location"`
}

// untold are the kinds of events that an order does not need.
var untold = map[string]bool{
	"batch": true, "scan_form": true, "insurance": true, "refund": true, "payment": true, "report": true, "shipment": true, "claim": true,
}

// Read says what a verified request tells.
func (Source) Read(r source.Request, _ source.Account) source.Reading {
	var e event
	var trouble source.Trouble
	out := source.Reading{Headers: source.Keep(r.Header, "User-Agent", "Content-Type")}
	readable := trouble.Unreadable(source.Decode(r.Body, &e))
	out.Topic, out.DeliveryID, out.Test = e.Description.String(), e.ID.String(), e.Mode.String() == "test"
	told := e.Result
	if e.Object == "Tracker" && told == nil {
		out.Topic, out.DeliveryID, told = "tracker.updated", "", &e.tracker
	}
	kind, _, _ := strings.Cut(out.Topic, ".")
	switch {
	case !readable:
	case out.Topic == "":
		trouble.Missing("description")
	case untold[kind]:
		trouble = source.Trouble{} // what may not fit there is not ours to read
	case out.Topic != "tracker.created" && out.Topic != "tracker.updated":
		trouble.Add(source.UnknownTopic, "no description that we read")
	case told == nil:
		trouble.Missing("result")
	default:
		parcel := trouble.ParcelOf("carrier", told.Carrier.String(), "tracking_code", told.TrackingCode.String())
		out.Facts = parcel.Facts(told.scans(&trouble), r.ReceivedAt)
	}
	if out.DeliveryID == "" {
		out.DeliveryID = source.ScansID(out.Facts)
	}
	out.Quarantine = trouble.Quarantine()
	return out
}

func (t *tracker) scans(trouble *source.Trouble) []source.Scan {
	var scans []source.Scan
	for i, d := range t.Details {
		step, known := stepOf(d.Status.String(), d.StatusDetail.String())
		if !known {
			trouble.Bad("tracking_details["+strconv.Itoa(i)+"].status", "is none that we know")
		}
		scans = append(scans, source.Scan{
			Step: step, At: source.ScanTime(d.Datetime.String()), Code: cmp.Or(d.CarrierCode.String(), d.StatusDetail.String()), Words: d.Message.String(),
			Place: source.Place{City: d.Location.City.String(), Region: d.Location.State.String(), Postcode: d.Location.Zip.String(), Country: d.Location.Country.String()},
		})
	}
	now, known := stepOf(t.Status.String(), t.StatusDetail.String())
	switch {
	case t.Status == "" && len(scans) == 0:
		trouble.Missing("status")
	case t.Status == "error":
		trouble.Bad("status", "says that EasyPost cannot follow this parcel")
	case t.Status != "" && !known:
		trouble.Bad("status", "is none that we know")
	}
	summary := source.Scan{Step: now, Code: cmp.Or(t.StatusDetail.String(), t.Status.String())}
	if len(scans) == 0 {
		summary.At = source.ScanTime(t.UpdatedAt.String())
	}
	return source.AndNow(scans, summary)
}
