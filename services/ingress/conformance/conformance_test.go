package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// tester is a test, or whoever looks at what a test finds.
type tester interface {
	require.TestingT
	Helper()
}

// cases are what is true of every source.
var cases = []struct {
	name  string
	check func(tester, subject)
}{
	{"what is signed is let in", letsIn},
	{"every secret of a rotation is good", rotates},
	{"no other secret is", keepsOut},
	{"a changed body is refused", seesChanges},
	{"headers come once", readsHeadersOnce},
	{"signatures are spelt one way", readsOneSpelling},
	{"signatures grow old", looksAtTheClock},
	{"the sample becomes facts", tellsFacts},
	{"the same delivery has the same id", knowsAgain},
	{"ids and words are kept", keepsIDsAndWords},
	{"what is no message is quarantined", quarantines},
}

func TestSources(t *testing.T) {
	t.Parallel()
	for _, s := range subjects(t) {
		for _, c := range cases {
			t.Run(s.Name()+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.check(t, s)
			})
		}
	}
}
