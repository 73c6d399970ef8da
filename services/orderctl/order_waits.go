package orderctl

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/orders"
)

// orderWait is one thing that an order waits for.
type orderWait struct {
	Gate    string     `json:"gate"`
	What    string     `json:"waits_for"`
	Who     string     `json:"who"`
	Since   *time.Time `json:"since,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	Then    string     `json:"then"`
	Overdue bool       `json:"overdue"`
}

func waitsOf(o *order.State, p order.Patience, at time.Time) []orderWait {
	views := []orderWait{}
	for _, w := range o.Waits(p, at) {
		views = append(views, orderWait{w.Gate, w.What, w.Who, optional(w.Since), optional(w.Until), w.Then, w.Overdue(at)})
	}
	return views
}

// deadlineSettings begin the names of the settings that say how long somebody may take.
const deadlineSettings = "ORDER_"

// deadlinesIn are those that an environment sets.
func deadlinesIn(environ map[string]string) map[string]string {
	found := map[string]string{}
	for name, value := range environ {
		if strings.HasPrefix(name, deadlineSettings) {
			found[name] = value
		}
	}
	return found
}

// patience is how long everybody may take: as a running 'orderctl up' has it, or as the environment says.
func (s *system) patience() (order.Patience, error) {
	environ := maps.Clone(s.Deadlines)
	if environ == nil {
		environ = deadlinesIn(host.Environ())
	}
	c := &orders.Config{}
	if err := host.Read(environ, c); err != nil {
		return order.Patience{}, fmt.Errorf("the deadlines in the environment cannot be read: %w", err)
	}
	return c.Patience(), nil
}

// waits prints two lines for each: who has to move, since when and until when; what for, and what happens then.
func (p *printer) waits(waits []orderWait, at time.Time) {
	if len(waits) == 0 {
		return
	}
	rows := [][]string{{"GATE", "WHO HAS TO MOVE", "SINCE (UTC)", "UNTIL (UTC)"}}
	for _, w := range waits {
		rows = append(rows, []string{w.Gate, w.Who, since(w.Since, at), until(w.Until, at)})
	}
	widths := widthsOf(rows)
	p.title("Waits for")
	for i, row := range rows {
		var b strings.Builder
		for j, cell := range row {
			b.WriteString("  " + padded(visible(cell), widths[j]))
		}
		p.line("%s", strings.TrimRight(b.String(), " "))
		if i > 0 {
			p.folded(strings.Repeat(" ", 4+widths[0]), waits[i-1].words())
		}
	}
}

// words say what for, and what happens at the end of its time.
func (w orderWait) words() string {
	if w.Until == nil {
		return w.What + "; " + w.Then
	}
	return w.What + "; then " + w.Then
}

// folded prints a text in lines that fit, each indented.
func (p *printer) folded(indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(visible(text)) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > pageWidth && line != indent {
			p.line("%s", line)
			line = indent
		}
		line += when(line != indent, " ") + word
	}
	p.line("%s", line)
}

// pageWidth is how many columns a page for people has.
const pageWidth = 100

func widthsOf(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// helpsOf are the commands that bring an order on. What waits for somebody else needs none.
func helpsOf(name string, o *order.State, r *reasons) []string {
	name = cmp.Or(name, r.ID)
	var helps []string
	add := func(format string, args ...any) {
		if help := fmt.Sprintf(format, args...); !contains(helps, help) {
			helps = append(helps, help)
		}
	}
	if o != nil {
		for _, w := range r.Waits {
			helpWith(add, name, o, w)
		}
	}
	for _, u := range r.Unread {
		add("orderctl webhooks show %s", u.ID)
	}
	for _, d := range r.Dead {
		add("orderctl dead show %d", d.Number)
	}
	if len(r.Dead) > 0 {
		add("orderctl dead redrive NUMBER")
	}
	if len(r.Stuck) > 0 {
		add("orderctl order show %s --events", name)
	}
	return helps
}

func helpWith(add func(string, ...any), name string, o *order.State, w orderWait) {
	hold, held := strings.CutPrefix(w.Gate, "hold:")
	switch {
	case w.Gate == "stock":
		for _, m := range o.Inventory.Shortages {
			add("orderctl stock receive %s %d", m.GetSku(), m.GetWanted()-m.GetAvailable())
		}
	case (w.Gate == "fraud" || hold == "fraud") && o.Fraud.Scored && !o.Fraud.Rejected():
		add("orderctl order review %s clear --reason …", name)
		add("orderctl order review %s reject --reason …", name)
	case held && hold != "fraud":
		for _, h := range o.Order.Holds {
			if h.Reason == order.HoldLabelFailed {
				add("orderctl order retry-label %s", name)
			}
		}
		add("orderctl order release %s --hold %s --reason …", name, hold)
	case w.Gate == "label" && o.Order.LatestRelease() != nil:
		if sh := o.Shipment(o.Order.LatestRelease().Number); sh != nil && sh.InFlightUntil.IsZero() && sh.FailureCode != "" {
			add("orderctl order retry-label %s", name)
		}
	case w.Gate == "placed":
		add("orderctl webhooks list --source SHOP")
	case w.Overdue && w.Gate == "payment":
		add("orderctl order cancel %s --reason …", name)
	}
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
