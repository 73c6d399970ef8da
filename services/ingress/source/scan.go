package source

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/types/known/timestamppb"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// The steps of a parcel, by short names for the tables of the carriers.
const (
	// NoScan is what is known and moves nothing: a label was made, a day of delivery was promised.
	NoScan         = intakev1.ScanStep_SCAN_STEP_UNSPECIFIED
	InTransit      = intakev1.ScanStep_SCAN_STEP_IN_TRANSIT
	OutForDelivery = intakev1.ScanStep_SCAN_STEP_OUT_FOR_DELIVERY
	Delivered      = intakev1.ScanStep_SCAN_STEP_DELIVERED
	// Exception is trouble of any kind that may pass: an attempt, a delay, an address, customs.
	Exception = intakev1.ScanStep_SCAN_STEP_EXCEPTION
	// Lost is a parcel that the carrier gave up.
	Lost = intakev1.ScanStep_SCAN_STEP_LOST
	// Returned is a parcel on its way back, or back.
	Returned = intakev1.ScanStep_SCAN_STEP_RETURNED
)

// Place is where a scan was made. Streets and names never belong to it: the last scan is made at the customer's door.
type Place struct{ City, Region, Postcode, Country string }

// Scan is one scan of a parcel, as a carrier or somebody who speaks for it tells it.
type Scan struct {
	Step  intakev1.ScanStep
	At    *timestamppb.Timestamp // nil if not told
	Place Place
	// Code and Words are the carrier's own.
	Code, Words string
}

// Parcel is a parcel under the names by which everybody knows it: make it with ParcelOf.
type Parcel struct{ Carrier, Number string }

// ParcelOf names a parcel. If that cannot be done it is noted, with the fields' names, and the parcel is nothing.
func (t *Trouble) ParcelOf(carrierField, carrier, numberField, number string) Parcel {
	p := Parcel{CarrierName(carrier), TrackingNumber(number)}
	switch {
	case p.Number == "":
		t.Missing(numberField)
	case p.Carrier == "":
		t.Missing(carrierField)
	case !IsName(p.Reference()):
		t.Bad(numberField, "is too long")
	default:
		return p
	}
	return Parcel{}
}

// Reference is the name under which the parcel's scans find its order: tracking:ups:1Z204W4R0308071865.
func (p Parcel) Reference() string { return "tracking:" + p.Carrier + ":" + p.Number }

// Facts are the scans as facts, each once; what is no scan is left out. A scan without a time gets the one given.
//
// A parcel's scan is known by its step, its minute and its place, whoever tells it: the carrier, EasyPost and Shippo
// have ids of their own for it, or none, and EasyPost and Shippo tell the whole history again each time. Only the minute counts,
// since some keep seconds and others do not; of the place only the town (else postcode, else region), since a parcel
// is not in two at once, and not all tell more. What is told twice is kept as it was told first.
func (p Parcel) Facts(scans []Scan, otherwise time.Time) []*intakev1.Fact {
	if p == (Parcel{}) {
		return nil
	}
	var facts []*intakev1.Fact
	seen := map[string]bool{}
	for _, s := range scans {
		id := s.id()
		if s.Step == NoScan || seen[id] {
			continue
		}
		seen[id] = true
		at := s.At
		if at == nil {
			at = Moment(otherwise)
		}
		facts = append(facts, &intakev1.Fact{
			References: []string{p.Reference()}, OccurredAt: at,
			Body: &intakev1.Fact_ScanReported{ScanReported: &intakev1.ScanReported{
				Carrier: p.Carrier, TrackingNumber: p.Number, ScanId: id, Step: s.Step, Code: s.code(), Location: s.Place.String(),
			}},
		})
	}
	return facts
}

// id is what a scan is known by among those of its parcel. It must never change: what was told before would be told anew.
func (s Scan) id() string {
	minute := ""
	if s.At != nil {
		minute = s.At.AsTime().Format("2006-01-02T15:04")
	}
	return BodyID([]byte(strings.Join([]string{s.Step.String(), minute, s.Place.key()}, "\x00")))
}

// key is the place as all spell it: some know small letters and accents, others do not.
func (p Place) key() string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, norm.NFKD.String(cmp.Or(p.City, p.Postcode, p.Region)))
}

// wordsMost is how much of a carrier's words is kept.
const wordsMost = 200

// String is the place as people read it.
func (p Place) String() string {
	return Clean(strings.Join(told(p.City, p.Region, p.Country), ", "), wordsMost)
}

// signer is where the words of some carriers go on with who took the parcel.
var signer = regexp.MustCompile(`(?i)[\s,;:.-]*\b(signed|signature|received|accepted)\b[^\pL]*\b(for )?by\b.*`)

// code is the carrier's code and words. Who signed is left out.
func (s Scan) code() string {
	return Clean(strings.Join(told(s.Code, signer.ReplaceAllString(s.Words, "")), " "), wordsMost)
}

// told are the texts in which something stands.
func told(texts ...string) []string {
	var some []string
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			some = append(some, t)
		}
	}
	return some
}

// AndNow adds what a parcel's summary says of it now, if no scan of the history tells that step: carriers leave
// histories out. It gets the time of the latest scan if it has none of its own, so that it is the same each time.
func AndNow(history []Scan, now Scan) []Scan {
	if now.Step == NoScan || slices.ContainsFunc(history, func(s Scan) bool { return s.Step == now.Step }) {
		return history
	}
	if now.At == nil {
		for _, s := range history {
			if now.At == nil || s.At.AsTime().After(now.At.AsTime()) {
				now.At = s.At
			}
		}
	}
	return append(history, now)
}

// carriers are those who go by many names: UPSDAP, FedEx SmartPost, dhl_ecommerce.
var carriers = []string{"usps", "ups", "fedex", "dhl"}

// CarrierName is a carrier's name as it stands in references: lower case, letters and digits only, and one name for all
// branches of USPS, UPS, FedEx and DHL, since those who tell of a parcel do not name the same branch. Empty for none.
func CarrierName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, strings.ToValidUTF8(name, ""))
	for _, known := range carriers {
		if strings.HasPrefix(name, known) {
			return known
		}
	}
	return name
}

// TrackingNumber is a parcel's number as it stands in references: upper case, without the blanks of printed labels.
func TrackingNumber(number string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, strings.ToValidUTF8(number, ""))
}

// ScanTime reads a carrier's time; nil if it is none. One without a zone is a local one of nobody knows where, and read
// as UTC: half a day off at most, and the same each time it is told.
func ScanTime(text string) *timestamppb.Timestamp {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return Moment(t)
		}
	}
	return nil
}

// ScansID is a delivery's id where the provider has none: the same scans always come to the same. Empty for none.
func ScansID(facts []*intakev1.Fact) string {
	if len(facts) == 0 {
		return ""
	}
	var all strings.Builder
	for _, f := range facts {
		all.WriteString(f.GetReferences()[0] + "\x00" + f.GetScanReported().GetScanId() + "\x00")
	}
	return BodyID([]byte(all.String()))
}
