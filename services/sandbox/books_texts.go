package sandbox

import (
	"crypto/sha256"
	"slices"
)

// textState is what became of a text.
type textState struct {
	SID    string `json:"sid"`
	Status string `json:"status"`
	Code   int    `json:"code,omitempty"`
}

// takeText keeps a text that is answered for afterwards.
func (b *books) takeText(t Text) error {
	b.mu.Lock()
	b.write(entry{Text: &t})
	b.mu.Unlock()
	return b.journal.sync()
}

// textIs notes what became of a text.
func (b *books) textIs(sid, status string, code int) error {
	b.mu.Lock()
	b.write(entry{TextIs: &textState{sid, status, code}})
	b.mu.Unlock()
	return b.journal.sync()
}

func (b *books) keepText(t Text) {
	b.textsEver++
	b.wordings[sha256.Sum256([]byte(t.To+"\x00"+t.Body))]++
	b.texts = append(b.texts, &t)
	b.bySID[t.SID] = &t
	if over := len(b.texts) - b.mailsMost; over > b.mailsMost/10 {
		for _, old := range b.texts[:over] {
			delete(b.bySID, old.SID)
		}
		b.texts = slices.Delete(b.texts, 0, over)
	}
}

func (b *books) moveText(s textState) {
	if t := b.bySID[s.SID]; t != nil {
		t.Status, t.ErrorCode = s.Status, s.Code
	}
}

// text is a copy of one text.
func (b *books) text(sid string) (Text, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.bySID[sid]
	if t == nil {
		return Text{}, false
	}
	return *t, true
}

// textsWhere are the newest texts that pass, newest first.
func (b *books) textsWhere(limit int, passes func(Text) bool) []Text {
	b.mu.Lock()
	defer b.mu.Unlock()
	texts := []Text{}
	for _, t := range slices.Backward(b.texts) {
		if len(texts) == limit {
			break
		}
		if passes(*t) {
			texts = append(texts, *t)
		}
	}
	return texts
}

// repeatedTexts counts those that were too many: the same words to the same number.
func (b *books) repeatedTexts() int {
	repeats := 0
	for _, n := range b.wordings {
		repeats += n - 1
	}
	return repeats
}
