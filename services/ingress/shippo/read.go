package shippo

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// event is what comes: an event with its data, or the data by themselves.
type event struct {
	Event   source.Scalar `json:"event"`
	Test    source.Scalar `json:"test"`
	Carrier source.Scalar `json:"carrier"`
	Data    *track        `json:"data"`
	Rate    source.Scalar `json:"rate"` // of a transaction
	track
}

type track struct {
	TrackCarrier   source.Scalar `json:"carrier"`
	TrackingNumber source.Scalar `json:"tracking_number"`
	Status         *status       `json:"tracking_status"`
	History        []status      `json:"tracking_history"`
	TrackTest      source.Scalar `json:"test"`
}

type status struct {
	Status    source.Scalar `json:"status"`
	Substatus struct {
		Code source.Scalar `json:"code"`
	} `json:"substatus"`
	Details  source.Scalar `json:"status_details"`
	Date     source.Scalar `json:"status_date"`
	Location struct {
		City    source.Scalar `json:"city"`
		State   source.Scalar `json:"state"`
		Zip     source.Scalar `json:"zip"`
		Country source.Scalar `json:"country"`
	} `json:"location"`
}

const updated = "track_updated"

// Read says what a verified request tells.
func (Source) Read(r source.Request, _ source.Account) source.Reading {
	var e event
	var trouble source.Trouble
	out := source.Reading{Headers: source.Keep(r.Header, "Shippo-API-Version", "User-Agent", "Content-Type")}
	readable := trouble.Unreadable(source.Decode(r.Body, &e))
	out.Topic, out.Test = e.Event.String(), e.Test == "true"
	told := e.Data
	if e.Event == "" && e.Data == nil {
		told = &e.track
		switch {
		case e.Rate != "":
			out.Topic = "transaction_updated"
		case e.TrackingNumber != "":
			out.Topic = updated
		}
	}
	kind, _, _ := strings.Cut(out.Topic, "_")
	switch {
	case !readable:
	case out.Topic == "":
		trouble.Missing("event")
	case kind == "transaction" || kind == "batch":
		trouble = source.Trouble{} // what may not fit there is not ours to read
	case out.Topic != updated:
		trouble.Add(source.UnknownTopic, "no event that we read")
	case told == nil:
		trouble.Missing("data")
	default:
		out.Test = out.Test || told.TrackTest == "true"
		carrier := cmp.Or(told.TrackCarrier.String(), e.Carrier.String())
		parcel := trouble.ParcelOf("carrier", carrier, "tracking_number", told.TrackingNumber.String())
		out.Facts = parcel.Facts(told.scans(&trouble), r.ReceivedAt)
	}
	out.DeliveryID = source.ScansID(out.Facts)
	out.Quarantine = trouble.Quarantine()
	return out
}

// scans are those of the history, and the latest, which stands there too but need not.
func (t *track) scans(trouble *source.Trouble) []source.Scan {
	var scans []source.Scan
	for i, s := range t.History {
		scans = append(scans, s.scan("tracking_history["+strconv.Itoa(i)+"]", trouble))
	}
	if t.Status != nil {
		scans = append(scans, t.Status.scan("tracking_status", trouble))
	}
	return scans
}

func (s *status) scan(field string, trouble *source.Trouble) source.Scan {
	step, known := stepOf(s.Status.String(), s.Substatus.Code.String())
	switch {
	case s.Status == "":
		trouble.Missing(field + ".status")
	case !known:
		trouble.Bad(field+".status", "is none that we know")
	}
	return source.Scan{
		Step: step, At: source.ScanTime(s.Date.String()), Code: cmp.Or(s.Substatus.Code.String(), s.Status.String()), Words: s.Details.String(),
		Place: source.Place{City: s.Location.City.String(), Region: s.Location.State.String(), Postcode: s.Location.Zip.String(), Country: s.Location.Country.String()},
	}
}
