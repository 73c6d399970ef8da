package check

import (
	"fmt"
	"slices"
)

// Findings are what is wrong, in words.
type Findings []string

func (f *Findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func (f *Findings) unless(ok bool, format string, args ...any) bool {
	if !ok {
		f.add(format, args...)
	}
	return ok
}

// Check looks at a folder like deploy/. The code is read before, with ReadCode.
func Check(deploy string, code *Code) Findings {
	var f Findings
	compose(deploy, code, &f)
	names := alerts(deploy, code, &f)
	unitTests(deploy, names, &f)
	dashboards(deploy, code, &f)
	slices.Sort(f)
	return slices.Compact(f)
}
