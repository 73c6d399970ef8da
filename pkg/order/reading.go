package order

import "slices"

// What a fact says is known by its report, which is the same whatever reading of the delivery it comes from. Of several
// readings the highest revision stands, in whatever order they were recorded, also where it found a fact of another kind.

// reading is a report that a later reading of the same delivery may replace.
type reading interface {
	source() (key string, revision uint32)
}

func (r Report) source() (string, uint32)      { return r.key, r.revision }
func (r Refund) source() (string, uint32)      { return r.key, r.revision }
func (c Claim) source() (string, uint32)       { return c.key, c.revision }
func (d Dispute) source() (string, uint32)     { return d.key, d.revision }
func (s Scan) source() (string, uint32)        { return s.key, s.revision }
func (d description) source() (string, uint32) { return string(d.GetReportId()), d.GetRevision() }
func (r ForeignReport) source() (string, uint32) {
	return string(r.GetReportId()), r.GetRevision()
}

// supersede adds a report, or lets the higher revision of the same report stand.
func supersede[R reading](have []R, r R) []R {
	i := indexOf(have, r)
	if i < 0 {
		return append(have, r)
	}
	_, revision := r.source()
	if _, old := have[i].source(); revision > old {
		have[i] = r
	}
	return have
}

// indexOf is where a reading of the same report stands; -1 if there is none.
func indexOf[R reading](have []R, r reading) int {
	key, _ := r.source()
	return slices.IndexFunc(have, func(other R) bool {
		k, _ := other.source()
		return key != "" && k == key
	})
}

// outdated says that a later reading of the same report stands.
func outdated[R reading](have []R, r reading) bool {
	i := indexOf(have, r)
	if i < 0 {
		return false
	}
	_, revision := r.source()
	_, stands := have[i].source()
	return stands > revision
}

// admit makes way for what a reading says of money: an earlier one may have taken it for something of another kind. It
// says whether the reading counts: not if a later one stands.
func (p *Payment) admit(r reading) bool {
	if outdated(p.Reports, r) || outdated(p.Refunds, r) || outdated(p.Claims, r) || outdated(p.disputed, r) {
		return false
	}
	if _, revision := r.source(); revision == 0 {
		return true
	}
	p.Reports, _ = without(p.Reports, r)
	p.Claims, _ = without(p.Claims, r)
	p.disputed, _ = without(p.disputed, r)
	var gone int
	if p.Refunds, gone = without(p.Refunds, r); gone >= 0 {
		for i := range p.Grants {
			if p.Grants[i].knew > gone {
				p.Grants[i].knew--
			}
		}
	}
	return true
}

// without takes out another reading of the report that is of another kind than this one, and says where it stood.
func without[R reading](have []R, r reading) ([]R, int) {
	if _, same := r.(R); same {
		return have, -1 // supersede replaces it where it stands
	}
	i := indexOf(have, r)
	if i < 0 {
		return have, -1
	}
	return slices.Delete(have, i, i+1), i
}
