package reread

import (
	"slices"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// A fact is known by its place in its delivery, and supersedes what an earlier reading said in that place. So facts that
// another reading finds at another place are put where they stood, and what is new comes where nothing stood.

// place is whose fact stood somewhere, and what it was about; no entity if that is not known.
type place struct {
	owner  bus.Owner
	entity ident.Entity
}

func (p place) is(other place) bool {
	return p.owner == other.owner && (p.entity == other.entity || p.entity.IsZero() || other.entity.IsZero())
}

// align puts facts into the places that they had, by what is recorded of earlier readings: stood says what of. What
// stood somewhere and is told no more is left, by its place. A place that is empty holds a fact that says nothing.
func align(stood map[int]place, facts []*intakev1.Fact, about []place) (aligned []*intakev1.Fact, left []int) {
	taken := map[int]*intakev1.Fact{}
	placed := make([]bool, len(facts))
	put := func(fact, at int) { taken[at], placed[fact] = facts[fact], true }
	for i := range facts {
		if p, ok := stood[i]; ok && p.is(about[i]) {
			put(i, i)
		}
	}
	places := sortedPlaces(stood)
	for i := range facts {
		for _, at := range places {
			if !placed[i] && taken[at] == nil && stood[at].is(about[i]) {
				put(i, at)
			}
		}
	}
	for i := range facts {
		for at := i; !placed[i]; at++ {
			if _, was := stood[at]; !was && taken[at] == nil {
				put(i, at)
			}
		}
	}
	for _, at := range places {
		if taken[at] == nil {
			left = append(left, at)
		}
	}
	last := -1
	for at := range taken {
		last = max(last, at)
	}
	for at := range last + 1 {
		f := taken[at]
		if f == nil {
			f = &intakev1.Fact{}
		}
		aligned = append(aligned, f)
	}
	return aligned, left
}

func sortedPlaces(stood map[int]place) []int {
	places := make([]int, 0, len(stood))
	for at := range stood {
		places = append(places, at)
	}
	slices.Sort(places)
	return places
}
