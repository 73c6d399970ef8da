package usps

import (
	"cmp"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// notification is the envelope, or a payload by itself.
type notification struct {
	Type      source.Scalar `json:"subscriptionType"`
	Timestamp source.Scalar `json:"timestamp"`
	Payload   source.Scalar `json:"payload"`
}

type tracking struct {
	TrackingNumber source.Scalar `json:"trackingNumber"`
	Status         source.Scalar `json:"status"`
	Category       source.Scalar `json:"statusCategory"`
	Events         []scanEvent   `json:"trackingEvents"`
}

type scanEvent struct {
	Type      source.Scalar `json:"eventType"`
	Code      source.Scalar `json:"eventCode"`
	Timestamp source.Scalar `json:"eventTimestamp"`
	GMT       source.Scalar `json:"GMTTimestamp"`
	GMTOffset source.Scalar `json:"GMTOffset"`
	City      source.Scalar `json:"eventCity"`
	State     source.Scalar `json:"eventState"`
	ZIP       source.Scalar `json:"eventZIP"`
	Country   source.Scalar `json:"eventCountry"`
}

// tracked is the one kind of subscription that we read.
const tracked = "TRACKING"

// Read says what a verified request tells.
func (Source) Read(r source.Request, _ source.Account) source.Reading {
	var n notification
	var trouble source.Trouble
	out := source.Reading{Headers: source.Keep(r.Header, "User-Agent", "Content-Type")}
	readable := trouble.Unreadable(source.Decode(r.Body, &n))
	payload := []byte(n.Payload)
	if n.Payload == "" {
		payload = r.Body
	}
	out.Topic = cmp.Or(n.Type.String(), tracked)
	var t tracking
	switch {
	case !readable:
	case out.Topic != tracked:
		trouble.Add(source.UnknownTopic, "no subscriptionType that we read")
	case !trouble.Unreadable(source.Decode(payload, &t)):
	default:
		parcel := trouble.ParcelOf("", name, "trackingNumber", t.TrackingNumber.String())
		out.Facts = parcel.Facts(t.scans(source.ScanTime(n.Timestamp.String()), &trouble), r.ReceivedAt)
	}
	out.DeliveryID = source.ScansID(out.Facts)
	out.Quarantine = trouble.Quarantine()
	return out
}

// scans are the parcel's; made is when the notification was.
func (t *tracking) scans(made *timestamppb.Timestamp, trouble *source.Trouble) []source.Scan {
	var scans []source.Scan
	for i, e := range t.Events {
		step, known := stepOf(e.Code.String(), e.Type.String())
		if !known {
			trouble.Bad("trackingEvents["+strconv.Itoa(i)+"].eventCode", "is none that we know")
		}
		scans = append(scans, source.Scan{
			Step: step, At: e.at(), Code: e.Code.String(), Words: e.Type.String(),
			Place: source.Place{City: e.City.String(), Region: e.State.String(), Postcode: e.ZIP.String(), Country: e.Country.String()},
		})
	}
	step, known := stepIn(t.Category.String())
	if !known {
		step, known = stepIn(t.Status.String())
	}
	now := source.Scan{Step: step, Words: cmp.Or(t.Status.String(), t.Category.String())}
	switch {
	case now.Words == "" && len(scans) == 0:
		trouble.Missing("trackingEvents")
	case now.Words != "" && !known && len(scans) == 0: // else the events say it
		trouble.Bad("status", "is none that we know")
	}
	if len(scans) == 0 {
		now.At = made
	}
	return source.AndNow(scans, now)
}

// at is when it happened; nil if that is not told.
func (e scanEvent) at() *timestamppb.Timestamp {
	if at := source.ScanTime(e.GMT.String()); at != nil {
		return at
	}
	if at := source.ScanTime(e.Timestamp.String() + e.GMTOffset.String()); at != nil {
		return at
	}
	return source.ScanTime(e.Timestamp.String())
}
