package fedex

import (
	"cmp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// shell is whatever holds results: the body, its output, one of completeTrackResults.
type shell struct {
	Output         *shell        `json:"output"`
	Complete       []shell       `json:"completeTrackResults"`
	TrackingNumber source.Scalar `json:"trackingNumber"`
	Results        []result      `json:"trackResults"`
}

type result struct {
	Info struct {
		TrackingNumber source.Scalar `json:"trackingNumber"`
	} `json:"trackingNumberInfo"`
	Latest struct {
		Code        source.Scalar `json:"code"`
		DerivedCode source.Scalar `json:"derivedCode"`
		Status      source.Scalar `json:"statusByLocale"`
		Location    location      `json:"scanLocation"`
	} `json:"latestStatusDetail"`
	Events []scanEvent `json:"scanEvents"`
	Times  []struct {
		Type     source.Scalar `json:"type"`
		DateTime source.Scalar `json:"dateTime"`
	} `json:"dateAndTimes"`
	Error struct {
		Code source.Scalar `json:"code"`
	} `json:"error"`
}

type scanEvent struct {
	Date        source.Scalar `json:"date"`
	Type        source.Scalar `json:"eventType"`
	Description source.Scalar `json:"eventDescription"`
	DerivedCode source.Scalar `json:"derivedStatusCode"`
	Location    location      `json:"scanLocation"`
}

type location struct {
	City     source.Scalar `json:"city"`
	State    source.Scalar `json:"stateOrProvinceCode"`
	Postcode source.Scalar `json:"postalCode"`
	Country  source.Scalar `json:"countryCode"`
}

func (l location) place() source.Place {
	return source.Place{City: l.City.String(), Region: l.State.String(), Postcode: l.Postcode.String(), Country: l.Country.String()}
}

// topic is what every delivery is about: FedEx has no word for it.
const topic = "tracking"

// Read says what a verified request tells.
func (Source) Read(r source.Request, _ source.Account) source.Reading {
	var s shell
	var trouble source.Trouble
	out := source.Reading{Topic: topic, Headers: source.Keep(r.Header, "User-Agent", "Content-Type")}
	if trouble.Unreadable(source.Decode(r.Body, &s)) {
		results := s.results(nil, 0)
		if len(results) == 0 {
			trouble.Missing("trackResults")
		}
		for i := range results {
			out.Facts = append(out.Facts, results[i].facts("trackResults["+strconv.Itoa(i)+"]", r, &trouble)...)
		}
	}
	out.DeliveryID = source.ScansID(out.Facts)
	out.Quarantine = trouble.Quarantine()
	return out
}

// deepest is deeper than any body that FedEx sends is nested.
const deepest = 8

// results are all that a shell holds, numbered by the shell where they have no number of their own.
func (s *shell) results(found []result, depth int) []result {
	if depth > deepest {
		return found
	}
	for _, r := range s.Results {
		r.Info.TrackingNumber = cmp.Or(r.Info.TrackingNumber, s.TrackingNumber)
		found = append(found, r)
	}
	for i := range s.Complete {
		found = s.Complete[i].results(found, depth+1)
	}
	if s.Output != nil {
		found = s.Output.results(found, depth+1)
	}
	return found
}

func (r *result) facts(field string, q source.Request, trouble *source.Trouble) []*intakev1.Fact {
	var scans []source.Scan
	for i, e := range r.Events {
		if e.Type == "" && e.DerivedCode == "" && e.Date == "" {
			continue // a parcel that FedEx does not know has one of these
		}
		step, known := stepOf(e.Type, e.DerivedCode)
		if !known {
			trouble.Bad(field+".scanEvents["+strconv.Itoa(i)+"].eventType", "is none that we know")
		}
		scans = append(scans, source.Scan{
			Step: step, At: source.ScanTime(e.Date.String()), Code: e.Type.String(), Words: e.Description.String(), Place: e.Location.place(),
		})
	}
	latest := cmp.Or(r.Latest.Code, r.Latest.DerivedCode)
	switch {
	case r.Error.Code != "" && latest == "" && len(scans) == 0:
		trouble.Bad(field, "has an error: FedEx tells nothing of its number")
		return nil
	case latest == "" && len(scans) == 0:
		trouble.Missing(field + ".scanEvents")
		return nil
	}
	parcel := trouble.ParcelOf("", name, field+".trackingNumberInfo.trackingNumber", r.Info.TrackingNumber.String())
	step, known := stepOf(r.Latest.Code, r.Latest.DerivedCode)
	if latest != "" && !known {
		trouble.Bad(field+".latestStatusDetail.code", "is none that we know")
	}
	return parcel.Facts(source.AndNow(scans, source.Scan{
		Step: step, At: r.timeOf(step), Code: latest.String(), Words: r.Latest.Status.String(), Place: r.Latest.Location.place(),
	}), q.ReceivedAt)
}

// timeOf is the time that dateAndTimes has for a step; nil for none.
func (r *result) timeOf(step intakev1.ScanStep) *timestamppb.Timestamp {
	kind := map[intakev1.ScanStep]string{source.Delivered: "ACTUAL_DELIVERY", source.InTransit: "ACTUAL_PICKUP"}[step]
	for _, t := range r.Times {
		if kind != "" && strings.EqualFold(t.Type.String(), kind) {
			return source.ScanTime(t.DateTime.String())
		}
	}
	return nil
}
