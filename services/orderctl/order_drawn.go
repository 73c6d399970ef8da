package orderctl

import (
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/orderflow/orderflow/pkg/event"
)

// The timeline is drawn with a line of its own for each facet that moved, so that one sees who moved after whom: a mark
// where it moved, a bar between its first move and its last. On a terminal the lines are drawn and coloured; in a file or a
// pipe they are plain.

// pen is how lines are drawn.
type pen struct {
	mark, bar string
	coloured  bool
}

var (
	plainPen    = pen{mark: "o", bar: "|"}
	terminalPen = pen{mark: "●", bar: "│", coloured: true}
)

// penFor is the one for where it is printed.
func penFor(w io.Writer) pen {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return plainPen
	}
	p := terminalPen
	p.coloured = os.Getenv("NO_COLOR") == ""
	return p
}

// colours of the facets, in their order, as terminals number them.
var colours = [len(event.Categories)]string{"36", "32", "35", "33", "34", "37", "90"}

// lane is one facet's line: where in the timeline it begins and where it ends.
type lane struct {
	who         string
	colour      string
	first, last int
}

// lanesOf are the facets that moved, in their fixed order.
func lanesOf(moves []moveView) []lane {
	var lanes []lane
	for i, c := range event.Categories {
		l := lane{who: string(c), colour: colours[i], first: -1}
		for at, m := range moves {
			if m.Who != string(c) {
				continue
			}
			if l.first < 0 {
				l.first = at
			}
			l.last = at
		}
		if l.first >= 0 {
			lanes = append(lanes, l)
		}
	}
	return lanes
}

// drawing is a timeline while it is printed.
type drawing struct {
	pen   pen
	lanes []lane
	moves []moveView
	clock string
	who   int // columns
	gaps  int
}

// printTimeline draws, line by line, when something happened, how long after what came before it, who did it and what.
// What was heard of late says so.
func printTimeline(w io.Writer, moves []moveView, clock string) error {
	d := drawing{pen: penFor(w), lanes: lanesOf(moves), moves: moves, clock: clock}
	gaps := make([]string, len(moves))
	for i, m := range moves {
		d.who = max(d.who, len(m.Who))
		if i > 0 {
			gaps[i] = gap(d.at(m).Sub(d.at(moves[i-1])))
		}
		d.gaps = max(d.gaps, len(gaps[i]))
	}
	var b strings.Builder
	day := ""
	for i, m := range moves {
		if date := d.at(m).UTC().Format(time.DateOnly); date != day {
			day = date
			b.WriteString("  " + day + "\n")
		}
		d.draw(&b, i, m, gaps[i])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// at is when a move happened, by the clock that was asked for.
func (d *drawing) at(m moveView) time.Time {
	if d.clock == byOccurred {
		return m.OccurredAt
	}
	return m.RecordedAt
}

// gap is how long after the one before. Of what has the same time nobody can say which was first: it is marked so.
func gap(after time.Duration) string {
	switch {
	case after == 0:
		return "="
	case after < 0:
		return span(after)
	}
	return "+" + span(after)
}

const clockWidth = len("15:04:05.000")

func (d *drawing) draw(b *strings.Builder, i int, m moveView, gap string) {
	left := 2 + clockWidth + 2 + d.gaps + 2
	text := left + 2*len(d.lanes) + 1 + d.who + 2
	for n, line := range inLines(m.What+d.remark(m), pageWidth-text) {
		if n == 0 {
			b.WriteString("  " + d.at(m).UTC().Format("15:04:05.000") + "  " + padded(gap, d.gaps) + "  ")
			d.bars(b, i, true)
			b.WriteString(" " + padded(m.Who, d.who) + "  ")
		} else {
			b.WriteString(strings.Repeat(" ", left))
			d.bars(b, i, false)
			b.WriteString(strings.Repeat(" ", 1+d.who+2))
		}
		b.WriteString(line + "\n")
	}
}

// bars draws every facet's line at one move, or beside a second line of its text.
func (d *drawing) bars(b *strings.Builder, i int, moves bool) {
	for _, l := range d.lanes {
		s := " "
		switch {
		case moves && d.moves[i].Who == l.who:
			s = d.pen.mark
		case l.first <= i && i < l.last, moves && l.first <= i && i <= l.last:
			s = d.pen.bar
		}
		if d.pen.coloured && s != " " {
			s = "\x1b[" + l.colour + "m" + s + "\x1b[0m"
		}
		b.WriteString(s + " ")
	}
}

// remark says what a line's own time does not: that the news came late, or, by the providers' clocks, when it came.
func (d *drawing) remark(m moveView) string {
	late := m.RecordedAt.Sub(m.OccurredAt)
	switch {
	case late < toldLate:
		return ""
	case d.clock == byOccurred:
		return " [heard of " + span(late) + " later, " + near(m.RecordedAt, m.OccurredAt) + "]"
	}
	return " [late: happened " + span(late) + " before, " + near(m.OccurredAt, m.RecordedAt) + "]"
}

// near is a time beside another: its day is told only where it is not the same.
func near(t, other time.Time) string {
	if t.UTC().Format(time.DateOnly) == other.UTC().Format(time.DateOnly) {
		return t.UTC().Format(time.TimeOnly)
	}
	return clockTime(t)
}

// inLines breaks a text into lines of so many columns, at its spaces where it can.
func inLines(text string, width int) []string {
	width = max(width, 20)
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(visible(text)) {
		for utf8.RuneCountInString(word) > width { // a name without a space
			cut := []rune(word)
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, string(cut[:width])), string(cut[width:])
		}
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		line += when(line != "", " ") + word
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
