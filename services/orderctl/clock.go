package orderctl

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// clockKey is where a test puts its clock; commands ask the machine's.
type clockKey struct{}

// now is the time at which a command is asked.
func now(ctx context.Context) time.Time {
	if clock, ok := ctx.Value(clockKey{}).(func() time.Time); ok {
		return clock().UTC()
	}
	return time.Now().UTC()
}

// timeHelp says how times are written; commands that take one have it in their help.
const timeHelp = `TIME is RFC 3339 (2026-11-25T18:00:00Z), a day (2026-11-25), a day and a time (2026-11-25 18:00), a time of the
last 24 hours (18:00, 18:00:30), or how long ago (10m, 2h, 3d). Without a zone it is UTC, as everything that is shown.`

var errTime = errors.New("is no time; write 2026-11-25T18:00:00Z, 2026-11-25, 18:00 or how long ago: 10m, 2h, 3d")

var ago = regexp.MustCompile(`^(\d+)d(.*)$`)

// parseTime reads a TIME. A day means its first moment.
func parseTime(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return lately(t, now), nil
		}
	}
	if d, err := parseAgo(strings.TrimSpace(strings.TrimSuffix(s, "ago"))); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q %w", s, errTime)
}

// lately is the latest moment that had this time of day.
func lately(clock, now time.Time) time.Time {
	now = now.UTC()
	t := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
	if t.After(now) {
		return t.AddDate(0, 0, -1)
	}
	return t
}

// parseAgo is Go's duration with days.
func parseAgo(s string) (time.Duration, error) {
	var days time.Duration
	if m := ago.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 100_000 {
			return 0, errTime
		}
		days = time.Duration(n) * 24 * time.Hour
		if s = m[2]; s == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || days+d < days { // more than 292 years are none
		return 0, errTime
	}
	return days + d, nil
}
