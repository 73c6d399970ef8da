package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// entry is one line of the journal: one thing that happened. Exactly one of its parts is set.
type entry struct {
	Bought   *purchase  `json:"bought,omitempty"`
	Troubled string     `json:"troubled,omitempty"` // reference that was failed on purpose
	Voided   []string   `json:"voided,omitempty"`   // tracking numbers
	Scanned  *Scan      `json:"scanned,omitempty"`
	Posted   string     `json:"posted,omitempty"` // id of a scan that was answered 2xx
	Mail     *Mail      `json:"mail,omitempty"`
	Emptied  bool       `json:"emptied,omitempty"` // the mailbox
	Text     *Text      `json:"text,omitempty"`
	TextIs   *textState `json:"text_is,omitempty"`
}

// purchase is a label with what it was bought for.
type purchase struct {
	Label Label     `json:"label"`
	Key   string    `json:"key"`
	Hash  string    `json:"hash"` // of what was asked for under the key
	Order Order     `json:"order"`
	At    time.Time `json:"at"`
}

// parcel is a purchase and what became of it.
type parcel struct {
	purchase
	Scans []Scan
}

// mailHead is what is kept in memory of a mail; the whole of it is read from the journal when somebody looks.
type mailHead struct {
	Mail // without text and html, unless there is no journal to read them from
	at   position
}

// books is everything that happened. What is answered to the outside is in the journal before.
type books struct {
	journal   *journal
	mailsMost int

	mu          sync.Mutex
	parcels     []*parcel // as they were bought
	byTracking  map[string]*parcel
	byKey       map[string]*parcel
	byReference map[string][]*parcel
	troubled    map[string]int
	scans       int
	unposted    map[string]Scan
	mails       []mailHead // oldest first
	mailsEver   int64
	nextMail    int64
	// messageIDs counts every Message-ID ever seen, by a hash that is small enough to keep for mails that made room.
	messageIDs map[[16]byte]int

	texts     []*Text // oldest first
	bySID     map[string]*Text
	textsEver int64
	// wordings counts texts by a hash of whom they were for and what they said.
	wordings map[[32]byte]int
}

func openBooks(dir string, mailsMost int) (*books, error) {
	b := &books{
		mailsMost: mailsMost, byTracking: map[string]*parcel{}, byKey: map[string]*parcel{}, byReference: map[string][]*parcel{},
		troubled: map[string]int{}, unposted: map[string]Scan{}, messageIDs: map[[16]byte]int{},
		bySID: map[string]*Text{}, wordings: map[[32]byte]int{},
	}
	var err error
	b.journal, err = openJournal(dir, func(line []byte, at position) error {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		b.apply(e, at)
		return nil
	})
	return b, err
}

// write adds an entry. It is called with the lock held, so that the journal's order is the order of what was decided.
func (b *books) write(e entry) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // none of its types can fail
	}
	b.apply(e, b.journal.append(line))
}

func (b *books) apply(e entry, at position) {
	switch {
	case e.Bought != nil:
		p := &parcel{purchase: *e.Bought}
		b.parcels = append(b.parcels, p)
		b.byTracking[p.Label.Tracking], b.byKey[p.Key] = p, p
		b.byReference[p.Label.Reference] = append(b.byReference[p.Label.Reference], p)
	case e.Troubled != "":
		b.troubled[e.Troubled]++
	case e.Voided != nil:
		for _, tracking := range e.Voided {
			if p := b.byTracking[tracking]; p != nil {
				p.Label.Voided = true
			}
		}
	case e.Scanned != nil:
		if p := b.byTracking[e.Scanned.Tracking]; p != nil {
			p.Scans = append(p.Scans, *e.Scanned)
		}
		b.unposted[e.Scanned.ID] = *e.Scanned
		b.scans++
	case e.Posted != "":
		delete(b.unposted, e.Posted)
	case e.Mail != nil:
		b.keepMail(*e.Mail, at)
	case e.Text != nil:
		b.keepText(*e.Text)
	case e.TextIs != nil:
		b.moveText(*e.TextIs)
	case e.Emptied:
		b.mails, b.mailsEver, b.messageIDs = nil, 0, map[[16]byte]int{}
	}
}

var (
	errKeyUsed = errors.New("the key was used for something else")
	errScanned = errors.New("a parcel of it was scanned")
)

// bought finds what was bought under a key; nil if nothing was. It fails if the key stands for another order.
func (b *books) bought(key, hash string) (*Label, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.boughtLocked(key, hash)
}

func (b *books) boughtLocked(key, hash string) (*Label, error) {
	p := b.byKey[key]
	if p == nil {
		return nil, nil //nolint:nilnil // nothing was bought, and nothing is wrong
	}
	if p.Hash != hash {
		return nil, errKeyUsed
	}
	label := p.Label
	return &label, nil
}

// buy writes a purchase, unless its key was used before: then it returns what was bought under it.
func (b *books) buy(p purchase) (label Label, repeated bool, err error) {
	b.mu.Lock()
	have, err := b.boughtLocked(p.Key, p.Hash)
	if have == nil && err == nil {
		b.write(entry{Bought: &p})
	}
	b.mu.Unlock()
	if err != nil {
		return Label{}, false, err
	}
	// Also a repeat waits: what it tells must not be forgotten either.
	if err := b.journal.sync(); err != nil {
		return Label{}, false, err
	}
	if have != nil {
		return *have, true, nil
	}
	return p.Label, false, nil
}

// trouble counts another time that a reference was failed on purpose, up to most; false if that is used up.
func (b *books) trouble(reference string, most int) (bool, error) {
	b.mu.Lock()
	again := b.troubled[reference] < most
	if again {
		b.write(entry{Troubled: reference})
	}
	b.mu.Unlock()
	return again, b.journal.sync()
}

// void takes every label of a reference back that is not void, and counts them.
func (b *books) void(reference string) (int, error) {
	b.mu.Lock()
	var tracking []string
	for _, p := range b.byReference[reference] {
		if len(p.Scans) > 0 {
			b.mu.Unlock()
			return 0, errScanned
		}
		if !p.Label.Voided {
			tracking = append(tracking, p.Label.Tracking)
		}
	}
	if len(tracking) > 0 {
		b.write(entry{Voided: tracking})
	}
	b.mu.Unlock()
	return len(tracking), b.journal.sync()
}

// scan writes a parcel's next scan; false if it is void. The caller syncs.
func (b *books) scan(s Scan) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byTracking[s.Tracking]
	if p == nil || p.Label.Voided {
		return false
	}
	b.write(entry{Scanned: &s})
	return true
}

// posted notes that a scan was taken. If that is lost the scan is posted once more, under the same id.
func (b *books) posted(scanID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write(entry{Posted: scanID})
}

// labels are a reference's labels, newest first.
func (b *books) labels(reference string) []Label {
	b.mu.Lock()
	defer b.mu.Unlock()
	labels := []Label{}
	for _, p := range slices.Backward(b.byReference[reference]) {
		labels = append(labels, p.Label)
	}
	return labels
}

// parcel is a copy of one parcel.
func (b *books) parcel(tracking string) (parcel, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byTracking[tracking]
	if p == nil {
		return parcel{}, false
	}
	return parcel{p.purchase, slices.Clone(p.Scans)}, true
}

// latest are the newest parcels, newest first.
func (b *books) latest(limit int) []parcel {
	b.mu.Lock()
	defer b.mu.Unlock()
	var parcels []parcel
	for _, p := range slices.Backward(b.parcels) {
		if len(parcels) == limit {
			break
		}
		parcels = append(parcels, parcel{p.purchase, slices.Clone(p.Scans)})
	}
	return parcels
}

// takeMail keeps a mail and gives it its number.
func (b *books) takeMail(m Mail) error {
	b.mu.Lock()
	m.ID = b.nextMail + 1
	b.write(entry{Mail: &m})
	b.mu.Unlock()
	return b.journal.sync()
}

func (b *books) keepMail(m Mail, at position) {
	b.mailsEver++
	b.nextMail = m.ID
	b.messageIDs[hashOf(m.MessageID)]++
	head := mailHead{Mail: m, at: at}
	if b.journal == nil || b.journal.file != nil {
		head.Text, head.HTML = "", ""
	}
	b.mails = append(b.mails, head)
	// A tenth more than is shown, so that making room is not done for every mail.
	if over := len(b.mails) - b.mailsMost; over > b.mailsMost/10 {
		b.mails = slices.Delete(b.mails, 0, over)
	}
}

func hashOf(messageID string) [16]byte {
	sum := sha256.Sum256([]byte(messageID))
	return [16]byte(sum[:16])
}

// mailsWhere are the newest mails that pass, newest first. Whole ones are read from the journal.
func (b *books) mailsWhere(limit int, passes func(Mail) bool) ([]Mail, error) {
	b.mu.Lock()
	var heads []mailHead
	for _, h := range slices.Backward(b.mails) {
		if len(heads) == limit {
			break
		}
		if passes(h.Mail) {
			heads = append(heads, h)
		}
	}
	b.mu.Unlock()
	mails := make([]Mail, len(heads))
	for i, h := range heads {
		m, err := b.whole(h)
		if err != nil {
			return nil, err
		}
		mails[i] = m
	}
	return mails, nil
}

func (b *books) whole(h mailHead) (Mail, error) {
	if b.journal.file == nil {
		return h.Mail, nil
	}
	if err := b.journal.sync(); err != nil { // it may have been taken this very moment
		return Mail{}, err
	}
	line, err := b.journal.read(h.at)
	if err != nil {
		return Mail{}, err
	}
	var e entry
	if err := json.Unmarshal(line, &e); err != nil || e.Mail == nil {
		return Mail{}, fmt.Errorf("read the books at %d: there is no mail", h.at.offset)
	}
	return *e.Mail, nil
}

// empty forgets every mail.
func (b *books) empty() error {
	b.mu.Lock()
	b.write(entry{Emptied: true})
	b.mu.Unlock()
	return b.journal.sync()
}

// Counts are the books in figures, for whoever wants to prove something by them.
type Counts struct {
	Labels int `json:"labels"`
	Voided int `json:"voided"`
	// LabelsAboveOne are references with more than one label, void ones included; LiveLabelsAboveOne without those.
	LabelsAboveOne     map[string]int `json:"labels_above_one"`
	LiveLabelsAboveOne map[string]int `json:"live_labels_above_one"`
	Scans              int            `json:"scans"`
	ScansUnposted      int            `json:"scans_unposted"`
	Mails              int64          `json:"mails"`
	// RepeatedMessageIDs are Message-IDs seen more than once, Repeats how many mails that was too many.
	RepeatedMessageIDs int `json:"repeated_message_ids"`
	Repeats            int `json:"repeats"`
	// TextRepeats are texts with the same words to the same number as one before.
	Texts       int64 `json:"texts"`
	TextRepeats int   `json:"text_repeats"`
}

func (b *books) counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := Counts{
		Labels: len(b.parcels), Scans: b.scans, ScansUnposted: len(b.unposted), Mails: b.mailsEver,
		Texts: b.textsEver, TextRepeats: b.repeatedTexts(),
		LabelsAboveOne: map[string]int{}, LiveLabelsAboveOne: map[string]int{},
	}
	for reference, parcels := range b.byReference {
		live := 0
		for _, p := range parcels {
			if p.Label.Voided {
				c.Voided++
			} else {
				live++
			}
		}
		if len(parcels) > 1 {
			c.LabelsAboveOne[reference] = len(parcels)
		}
		if live > 1 {
			c.LiveLabelsAboveOne[reference] = live
		}
	}
	for _, n := range b.messageIDs {
		if n > 1 {
			c.RepeatedMessageIDs++
			c.Repeats += n - 1
		}
	}
	return c
}

// sentTo passes mails to an address, with a Message-ID; an empty wish passes all.
func sentTo(address, messageID string) func(Mail) bool {
	return func(m Mail) bool {
		if messageID != "" && m.MessageID != strings.Trim(messageID, "<>") {
			return false
		}
		return address == "" || slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, address) })
	}
}
