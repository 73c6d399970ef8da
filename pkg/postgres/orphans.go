package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// orphanGrace is how long the children of a server that was killed have to notice it. Most do at once.
const orphanGrace = 2 * time.Second

// endOrphans kills the children of a dead server that did not notice its death: as long as one is left, no other server
// may start on the folder. What they had not committed is lost with them, as it is when the machine is switched off. It
// is called only when no server runs on the folder, so that whoever works there is one of them.
func endOrphans(data string) {
	all, errAll := filepath.Glob("/proc/[0-9]*")
	data, err := filepath.EvalSymlinks(data)
	if errAll != nil || err != nil {
		return
	}
	for _, path := range all {
		in, err := os.Readlink(filepath.Join(path, "cwd"))
		if err != nil || in != data {
			continue
		}
		program, err := os.Readlink(filepath.Join(path, "exe"))
		pid, errPID := strconv.Atoi(filepath.Base(path))
		if err == nil && errPID == nil && filepath.Base(program) == "postgres" {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone meanwhile is fine
		}
	}
}
