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
	cause := ""
	for line := range strings.Lines(string(t.text)) {
		if strings.Contains(line, "FATAL") || strings.Contains(line, "PANIC") || strings.Contains(line, "could not") {
			cause = strings.TrimSpace(line)
		}
	}
	if cause == "" {
		return lastLine(string(t.text))
	}
	return cause
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
