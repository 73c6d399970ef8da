package source

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"
)

var afternoon = time.Date(2026, 3, 1, 14, 48, 0, 0, time.UTC)

func aScan() Scan {
	return Scan{Step: InTransit, At: timestamppb.New(afternoon), Place: Place{City: "South San Francisco", Region: "CA", Postcode: "94080", Country: "US"}, Code: "OR", Words: "Origin scan"}
}

func TestAScanBecomesAFact(t *testing.T) {
	t.Parallel()
	facts := Parcel{"ups", "1Z1"}.Facts([]Scan{aScan()}, time.Time{})
	require.Len(t, facts, 1)
	s := facts[0].GetScanReported()
	assert.Equal(t, []string{"tracking:ups:1Z1"}, facts[0].GetReferences())
	assert.Equal(t, afternoon, facts[0].GetOccurredAt().AsTime())
	assert.Equal(t, []string{"ups", "1Z1", "OR Origin scan", "South San Francisco, CA, US"}, []string{s.GetCarrier(), s.GetTrackingNumber(), s.GetCode(), s.GetLocation()})
	assert.Equal(t, InTransit, s.GetStep())
	// The id is for ever: with another one every scan that was recorded would be told anew.
	assert.Equal(t, "sha256:a9b577bdc275324819e00672292c8580", s.GetScanId())
}

func TestWhoeverTellsItItIsOneScan(t *testing.T) {
	t.Parallel()
	for name, same := range map[string]func(*Scan){
		"seconds":                func(s *Scan) { s.At = timestamppb.New(afternoon.Add(59 * time.Second)) },
		"another zone":           func(s *Scan) { s.At = timestamppb.New(afternoon.In(time.FixedZone("", -3600))) },
		"letters":                func(s *Scan) { s.Place.City = "SOUTH SAN FRANCISCO" },
		"accents":                func(s *Scan) { s.Place.City = "Söuth San Francisco" },
		"punctuation":            func(s *Scan) { s.Place.City = " South-San Francisco." },
		"no country":             func(s *Scan) { s.Place.Country, s.Place.Region, s.Place.Postcode = "", "", "" },
		"another code and words": func(s *Scan) { s.Code, s.Words = "", "arrived_at_facility" },
	} {
		other := aScan()
		same(&other)
		assert.Len(t, Parcel{"ups", "1Z1"}.Facts([]Scan{aScan(), other}, time.Time{}), 1, name)
	}
	for name, differs := range map[string]func(*Scan){
		"a minute later": func(s *Scan) { s.At = timestamppb.New(afternoon.Add(time.Minute)) },
		"another step":   func(s *Scan) { s.Step = Delivered },
		"another town":   func(s *Scan) { s.Place.City = "Oakland" },
		"no time":        func(s *Scan) { s.At = nil },
	} {
		other := aScan()
		differs(&other)
		assert.Len(t, Parcel{"ups", "1Z1"}.Facts([]Scan{aScan(), other}, afternoon), 2, name)
	}
}

func TestWhatIsNoScanIsLeftOut(t *testing.T) {
	t.Parallel()
	none := aScan()
	none.Step = NoScan
	assert.Empty(t, Parcel{"ups", "1Z1"}.Facts([]Scan{none}, afternoon))
	assert.Empty(t, Parcel{}.Facts([]Scan{aScan()}, afternoon))
}

func TestAScanWithoutATimeGetsTheOneGivenAndKeepsItsID(t *testing.T) {
	t.Parallel()
	s := aScan()
	s.At = nil
	first, again := Parcel{"ups", "1Z1"}.Facts([]Scan{s}, afternoon), Parcel{"ups", "1Z1"}.Facts([]Scan{s}, afternoon.Add(time.Hour))
	assert.Equal(t, afternoon, first[0].GetOccurredAt().AsTime())
	assert.Equal(t, first[0].GetScanReported().GetScanId(), again[0].GetScanReported().GetScanId())
}

func TestWhoSignedIsLeftOut(t *testing.T) {
	t.Parallel()
	for words, kept := range map[string]string{
		"Delivered - Signed for by : J SMITH":       "Delivered",
		"Delivered, signed by John Tester":          "Delivered",
		"Left at reception. Received by Ms Example": "Left at reception",
		"DELIVERED":                                        "DELIVERED",
		"Direct signature required":                        "Direct signature required",
		"Signature release on file":                        "Signature release on file",
		"Delivered, Front Door/Porch":                      "Delivered, Front Door/Porch",
		"Delivered. Signature received: for by Ms Example": "Delivered. Signature",
	} {
		assert.Equal(t, kept, Scan{Words: words}.code(), words)
	}
}

func TestASummaryIsToldIfNoScanSaysSo(t *testing.T) {
	t.Parallel()
	later := aScan()
	later.At = timestamppb.New(afternoon.Add(time.Hour))
	history := []Scan{later, aScan()}
	assert.Len(t, AndNow(history, Scan{Step: InTransit}), 2)
	assert.Len(t, AndNow(history, Scan{Step: NoScan}), 2)
	all := AndNow(history, Scan{Step: Delivered})
	require.Len(t, all, 3)
	assert.Equal(t, afternoon.Add(time.Hour), all[2].At.AsTime())
	own := AndNow(history, Scan{Step: Delivered, At: timestamppb.New(afternoon)})
	assert.Equal(t, afternoon, own[2].At.AsTime())
	assert.Nil(t, AndNow(nil, Scan{Step: Delivered})[0].At)
}

func TestNamesOfParcels(t *testing.T) {
	t.Parallel()
	for told, name := range map[string]string{
		"USPS": "usps", "usps": "usps", "UPS": "ups", "UPSDAP": "ups", "UPS Mail Innovations": "ups", "FedEx": "fedex", "FedexSmartPost": "fedex", "fedex_ground": "fedex",
		"DHL Express": "dhl", "dhl_ecommerce": "dhl", "Canada Post": "canadapost", "canada_post": "canadapost", "CanadaPost": "canadapost", "La Poste": "laposte",
		"Österreichische Post": "österreichischepost", "": "", " - ": "", "\xff": "",
	} {
		assert.Equal(t, name, CarrierName(told), told)
	}
	for told, number := range map[string]string{
		" 1z204w4r0308071865 ": "1Z204W4R0308071865", "9400 1091 0425 0532 9085 87": "9400109104250532908587", "SB-1": "SB-1", "\t": "", "A\x00\xffB": "AB",
	} {
		assert.Equal(t, number, TrackingNumber(told), told)
	}
	for _, c := range []struct{ carrier, number, reason string }{
		{"UPS", "1z 1", ""}, {"", "1Z1", MissingField}, {"UPS", " ", MissingField}, {"UPS", strings.Repeat("1", 300), BadValue},
	} {
		var trouble Trouble
		p := trouble.ParcelOf("carrier", c.carrier, "number", c.number)
		assert.Equal(t, c.reason, trouble.Quarantine().GetReason())
		assert.Equal(t, c.reason == "", p == Parcel{"ups", "1Z1"})
	}
}

func TestTimesOfCarriers(t *testing.T) {
	t.Parallel()
	for told, at := range map[string]string{
		"2014-11-21T14:24:00Z": "2014-11-21T14:24:00Z", "2018-02-02T12:01:00-07:00": "2018-02-02T19:01:00Z", "2018-02-02T12:01:00.5-0700": "2018-02-02T19:01:00.5Z",
		"2024-11-22T13:58:00": "2024-11-22T13:58:00Z", "2024-11-15 11:09:19.000000": "2024-11-15T11:09:19Z", "2024-11-15": "2024-11-15T00:00:00Z", "2024-11-15T09:05": "2024-11-15T09:05:00Z",
	} {
		assert.Equal(t, at, ScanTime(told).AsTime().Format(time.RFC3339Nano), told)
	}
	for _, told := range []string{"", "now", "20240423", "0000-00-00T00:00:00Z"} {
		assert.Nil(t, ScanTime(told), told)
	}
}

// However often and in whatever order a history is told, the same scans come of it, each once.
func TestAHistoryToldAgainIsTheSameScans(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scan := rapid.Custom(func(t *rapid.T) Scan {
			return Scan{
				Step:  rapid.SampledFrom([]Scan{{Step: NoScan}, {Step: InTransit}, {Step: Exception}, {Step: Delivered}}).Draw(t, "step").Step,
				At:    timestamppb.New(afternoon.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second)),
				Place: Place{City: rapid.SampledFrom([]string{"", "Oakland", "OAKLAND", "Berkeley"}).Draw(t, "city")},
			}
		})
		history := rapid.SliceOfN(scan, 0, 12).Draw(t, "history")
		again := append(rapid.Permutation(history).Draw(t, "again"), history...)
		ids := func(scans []Scan) map[string]bool {
			seen := map[string]bool{}
			for _, f := range (Parcel{"ups", "1Z1"}).Facts(scans, afternoon) {
				id := f.GetScanReported().GetScanId()
				require.False(t, seen[id], "%s is told twice", id)
				seen[id] = true
			}
			return seen
		}
		require.Equal(t, ids(history), ids(again))
	})
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	assert.True(t, SameAsAny([]string{"one of them", "another"}, "another"))
	assert.False(t, SameAsAny([]string{"one of them", "another"}, "anothe"))
	assert.False(t, SameAsAny([]string{"one of them", "another"}, ""))
	assert.False(t, SameAsAny([]string{""}, ""))
	assert.False(t, SameAsAny(nil, "another"))
	require.NoError(t, CheckCredential("12345678"))
	require.Error(t, CheckCredential("1234567"))
	require.Error(t, CheckCredential("         "))
}
