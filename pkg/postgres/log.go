package postgres

import (
	"strings"
	"sync"
)

// tail keeps the end of what a server logs, for the one sentence that says why it did not start.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - 16<<10; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

// cause is the last line that names a failure; the last line at all if none does.
func (t *tail) cause() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return causeIn(string(t.text))
}

func (t *tail) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = nil
}

// failures are how programs begin to say what went wrong, the surest sign first.
var failures = []string{"No space left on device", "wrote only", "PANIC:", "FATAL:", "error: could not", "npm error", "could not", "error:"}

// causeIn is the line of what a program said that names its failure.
func causeIn(text string) string {
	for _, sign := range failures {
		cause := ""
		for line := range strings.Lines(text) {
			if strings.Contains(line, sign) && !strings.Contains(line, "A complete log of this run") {
				cause = strings.TrimSpace(line)
			}
		}
		if cause != "" {
			return cause
		}
	}
	return lastLine(text)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
