// Package scantest holds what the tests of all carriers say alike.
package scantest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	if want == "" {
		require.NoError(t, err)
		return
	}
	var refused *source.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Code, refused.Detail)
}

// Holds says what is true of every reading of a carrier, whatever was signed: it is the same each time, and of scans
// that are some, each once, which their references find.
func Holds(t *testing.T, first, again source.Reading) {
	t.Helper()
	require.True(t, proto.Equal(first.Quarantine, again.Quarantine))
	require.Equal(t, []string{first.Topic, first.DeliveryID}, []string{again.Topic, again.DeliveryID})
	require.Equal(t, Lines(first.Facts), Lines(again.Facts))
	seen := map[string]bool{}
	for _, f := range first.Facts {
		s := f.GetScanReported()
		require.NoError(t, f.GetOccurredAt().CheckValid())
		require.NotZero(t, s.GetStep())
		require.NotEmpty(t, s.GetTrackingNumber())
		require.NotEmpty(t, s.GetCarrier())
		require.Equal(t, []string{"tracking:" + s.GetCarrier() + ":" + s.GetTrackingNumber()}, f.GetReferences())
		require.LessOrEqual(t, max(len(s.GetCode()), len(s.GetLocation()), len(f.GetReferences()[0])), 255)
		key := f.GetReferences()[0] + " " + s.GetScanId()
		require.False(t, seen[key], "one scan is told twice")
		seen[key] = true
		_, err := proto.Marshal(f) // refuses what is no UTF-8
		require.NoError(t, err)
	}
}
