package ingress

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// buildDigits is how much of a revision or a hash tells two builds apart.
const buildDigits = 12

// Build is the build whose normalisers these are, as deliveries carry it: the revision that it was built from, or, where
// none is told or files were changed, the hash of the program. Another build may read otherwise.
var Build = sync.OnceValue(func() string {
	revision, modified := "", false
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value
			case "vcs.modified":
				modified = s.Value == "true"
			}
		}
	}
	if len(revision) >= buildDigits && !modified {
		return revision[:buildDigits]
	}
	return programHash()
})

// programHash is empty where the program's own file cannot be read: then no build is told from another.
func programHash() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))[:buildDigits]
}
