// Package scantest holds what the tests of all carriers say alike.
package scantest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Lines are scans as people would write them down: reference|carrier|number|time|step|code and words|place.
func Lines(facts []*intakev1.Fact) []string {
	var all []string
	for _, f := range facts {
		s := f.GetScanReported()
		all = append(all, strings.Join([]string{
			strings.Join(f.GetReferences(), " "), s.GetCarrier(), s.GetTrackingNumber(), f.GetOccurredAt().AsTime().Format(time.RFC3339),
			strings.TrimPrefix(s.GetStep().String(), "SCAN_STEP_"), s.GetCode(), s.GetLocation(),
		}, "|"))
	}
	return all
}

// Refused says that a request was refused with the code; with none, that it was let in.
func Refused(t *testing.T, want source.Code, err error) {
	t.Helper()
	var refused *source.Refused
	switch {
	case err == nil && want == "":
	case err == nil:
		t.Fatalf("it was let in, and should have been refused: %s", want)
	case !errors.As(err, &refused) || refused.Code != want:
		t.Fatalf("it was refused with %q, and not with %q", err, want)
	}
}

// longest is how long a reference, a code or a place may be.
const longest = 255

// Holds says what is true of every reading of a carrier, whatever was signed: it is the same each time, and of scans
// that are some, each once, which their references find.
func Holds(t *testing.T, first, again source.Reading) {
	t.Helper()
	if !proto.Equal(first.Quarantine, again.Quarantine) || first.Topic != again.Topic || first.DeliveryID != again.DeliveryID ||
		!slices.Equal(Lines(first.Facts), Lines(again.Facts)) {
		t.Fatalf("the same bytes were read in two ways:\n%v\n%v", first, again)
	}
	seen := map[string]bool{}
	for _, f := range first.Facts {
		s := f.GetScanReported()
		reference := "tracking:" + s.GetCarrier() + ":" + s.GetTrackingNumber()
		key := reference + " " + s.GetScanId()
		_, unsendable := proto.Marshal(f) // it refuses what is no UTF-8
		switch {
		case f.GetOccurredAt().CheckValid() != nil, s.GetStep() == source.NoScan, s.GetCarrier() == "", s.GetTrackingNumber() == "", s.GetScanId() == "":
			t.Fatalf("it says too little: %v", f)
		case !slices.Equal(f.GetReferences(), []string{reference}):
			t.Fatalf("it is not found by %s: %v", reference, f)
		case max(len(reference), len(s.GetCode()), len(s.GetLocation())) > longest:
			t.Fatalf("it says too much: %v", f)
		case seen[key]:
			t.Fatalf("it is told twice: %v", f)
		case unsendable != nil:
			t.Fatal(unsendable)
		}
		seen[key] = true
	}
}
