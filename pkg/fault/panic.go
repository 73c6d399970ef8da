package fault

import (
	"fmt"
	"runtime"
)

// Panicked is what may be told of a recovered panic: the runtime's own words, which hold indexes and types, and of
// anything else only its type, since its words may repeat what was worked on.
func Panicked(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", value)
}
