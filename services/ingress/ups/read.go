package ups

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// activity is one activity of one parcel. Whoever took it, and the photograph of the door, are left where they are.
type activity struct {
	TrackingNumber source.Scalar `json:"trackingNumber"`
	LocalDate      source.Scalar `json:"localActivityDate"`
	LocalTime      source.Scalar `json:"localActivityTime"`
	GMTDate        source.Scalar `json:"gmtActivityDate"`
	GMTTime        source.Scalar `json:"gmtActivityTime"`
	GMTOffset      source.Scalar `json:"gmtOffset"`
	Location       struct {
		City          source.Scalar `json:"city"`
		StateProvince source.Scalar `json:"stateProvince"`
		PostalCode    source.Scalar `json:"postalCode"`
		Country       source.Scalar `json:"country"`
	} `json:"activityLocation"`
	Status struct {
		Type            source.Scalar `json:"type"`
		Code            source.Scalar `json:"code"`
		Description     source.Scalar `json:"description"`
		DescriptionCode source.Scalar `json:"descriptionCode"`
	} `json:"activityStatus"`
}

// topic is what every delivery is about: UPS has no word for it.
const topic = "tracking"

// Read says what a verified request tells.
func (Source) Read(r source.Request, _ source.Account) source.Reading {
	var a activity
	var trouble source.Trouble
	out := source.Reading{Topic: topic, Headers: source.Keep(r.Header, "User-Agent", "Content-Type")}
	if trouble.Unreadable(source.Decode(r.Body, &a)) {
		parcel := trouble.ParcelOf("", name, "trackingNumber", a.TrackingNumber.String())
		out.Facts = parcel.Facts([]source.Scan{a.scan(&trouble)}, r.ReceivedAt)
	}
	out.DeliveryID = source.ScansID(out.Facts)
	out.Quarantine = trouble.Quarantine()
	return out
}

func (a *activity) scan(trouble *source.Trouble) source.Scan {
	s, l := a.Status, a.Location
	step, known := stepOf(s.Code.String(), s.DescriptionCode.String(), s.Type.String())
	switch {
	case s.Code.String()+s.DescriptionCode.String()+s.Type.String() == "":
		trouble.Missing("activityStatus")
	case !known:
		trouble.Bad("activityStatus.code", "is none that we know")
	}
	return source.Scan{
		Step: step, At: a.at(), Code: s.Code.String(), Words: s.Description.String(),
		Place: source.Place{City: l.City.String(), Region: l.StateProvince.String(), Postcode: l.PostalCode.String(), Country: l.Country.String()},
	}
}

// at is when it happened; nil if that is not told.
func (a *activity) at() *timestamppb.Timestamp {
	offset := strings.Replace(a.GMTOffset.String(), ".", ":", 1)
	for _, told := range [][3]string{
		{a.GMTDate.String(), a.GMTTime.String(), "+00:00"},
		{a.LocalDate.String(), a.LocalTime.String(), offset},
		{a.LocalDate.String(), a.LocalTime.String(), "+00:00"},
	} {
		clock := told[1]
		if len(clock) == 5 {
			clock = "0" + clock // 91519
		}
		if t, err := time.Parse("20060102 150405 -07:00", told[0]+" "+clock+" "+told[2]); err == nil {
			return source.Moment(t)
		}
	}
	return nil
}
