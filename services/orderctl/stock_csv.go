package orderctl

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// columnsWanted are the columns of a stock file; location may be missing.
var columnsWanted = []string{"sku", "location", "quantity"}

// mostWrong is how many bad lines are told one by one.
const mostWrong = 50

// readCSV reads a whole file before anything is sent: all of its lines, or every line that is wrong.
func (m movement) readCSV(in io.Reader, location string) ([]stockLine, error) {
	buffered := bufio.NewReader(in)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = buffered.Discard(3) // spreadsheets begin files with it; what was peeked at can be discarded
	}
	r := csv.NewReader(buffered)
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	at, err := header(r)
	if err != nil {
		return nil, err
	}
	p := &parsed{movement: m, location: location, at: at, seen: map[string]int{}}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var syntax *csv.ParseError
		switch {
		case errors.As(err, &syntax):
			p.bad(syntax.StartLine, syntax.Err.Error())
		case err != nil:
			return nil, fmt.Errorf("read the file: %w", err)
		default:
			line, _ := r.FieldPos(0)
			p.add(line, record)
		}
	}
	return p.result()
}

// header says where each column stands.
func header(r *csv.Reader) (map[string]int, error) {
	record, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: it begins with the line sku,location,quantity")
	}
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	at := map[string]int{}
	for i, name := range record {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columnsWanted, name) {
			return nil, fmt.Errorf("line 1: there is a column %q; a stock file has the columns sku, location and quantity", visible(name))
		}
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("line 1: the column %s stands there twice", name)
		}
		at[name] = i
	}
	for _, name := range []string{"sku", "quantity"} {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("line 1: the column %s is missing; a stock file begins with the line sku,location,quantity", name)
		}
	}
	return at, nil
}

// parsed collects the lines of a file and what is wrong with it.
type parsed struct {
	movement
	location string
	at       map[string]int
	seen     map[string]int
	lines    []stockLine
	wrong    []string
}

func (p *parsed) bad(line int, what string) {
	p.wrong = append(p.wrong, fmt.Sprintf("line %d: %s", line, what))
}

func (p *parsed) add(line int, record []string) {
	if len(record) != len(p.at) {
		p.bad(line, fmt.Sprintf("it has %s where the header has %d", count(len(record), "field"), len(p.at)))
		return
	}
	field := func(name string) string {
		if i, ok := p.at[name]; ok {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	location := field("location")
	if location == "" {
		location = p.location
	}
	l, wrong := p.line(field("sku"), location, field("quantity"))
	if wrong != "" {
		p.bad(line, wrong)
		return
	}
	l.Line = line
	place := l.SKU + "\x00" + l.Location
	if first, twice := p.seen[place]; twice && p.counts {
		p.bad(line, fmt.Sprintf("%s was counted in line %d already", l.SKU, first))
		return
	}
	p.seen[place] = line
	p.lines = append(p.lines, l)
}

func (p *parsed) result() ([]stockLine, error) {
	if len(p.wrong) == 0 && len(p.lines) == 0 {
		return nil, errors.New("the file holds no line below its header")
	}
	if len(p.wrong) == 0 {
		return p.lines, nil
	}
	told := p.wrong
	if len(told) > mostWrong {
		told = append(slices.Clone(told[:mostWrong]), fmt.Sprintf("and %d more", len(p.wrong)-mostWrong))
	}
	return nil, exitStatus{1, fmt.Sprintf("orderctl: nothing was sent, since %s wrong:\n  %s",
		areIs(len(p.wrong), "line"), visibleLines(told))}
}

func areIs(n int, word string) string {
	if n == 1 {
		return count(n, word) + " is"
	}
	return count(n, word) + " are"
}

func visibleLines(lines []string) string {
	shown := make([]string, len(lines))
	for i, l := range lines {
		shown[i] = visible(l)
	}
	return strings.Join(shown, "\n  ")
}
