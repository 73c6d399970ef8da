package orderctl

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// benchMachine is where it was measured.
type benchMachine struct {
	OS        string `json:"os"`
	CPU       string `json:"cpu,omitempty"`
	CPUs      int    `json:"cpus"`
	MemoryMB  int64  `json:"memory_mb,omitempty"`
	Go        string `json:"go"`
	Revision  string `json:"revision,omitempty"`
	Modified  bool   `json:"modified"`
	Postgres  string `json:"postgres,omitempty"`
	LoadFirst string `json:"load_average_before,omitempty"`
}

// String is the machine in a line.
func (m benchMachine) String() string {
	s := fmt.Sprintf("%s, %s", m.OS, count(m.CPUs, "CPU"))
	if m.CPU != "" {
		s += " (" + m.CPU + ")"
	}
	if m.MemoryMB > 0 {
		s += fmt.Sprintf(", %d MB", m.MemoryMB)
	}
	return s + ", " + m.Go + when(m.Postgres != "", ", Postgres "+m.Postgres) + when(m.LoadFirst != "", ", load average before "+m.LoadFirst)
}

// thisMachine reads what /proc tells; elsewhere that stays empty.
func thisMachine() benchMachine {
	b := built()
	m := benchMachine{OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Go: b.Go, Revision: b.Revision, Modified: b.Modified}
	m.CPU = procField("/proc/cpuinfo", "model name")
	if kb, _, found := strings.Cut(procField("/proc/meminfo", "MemTotal"), " "); found {
		n, _ := strconv.ParseInt(kb, 10, 64) // 0 where it is no number
		m.MemoryMB = n / 1024
	}
	if average, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.LoadFirst, _, _ = strings.Cut(string(average), " ")
	}
	return m
}

// procField is the value of the first line "name: value" of a file; empty if there is none.
func procField(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// freshMemory gives back what earlier measurements left, and lets the peak begin anew where the system can do that.
func freshMemory() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600) // elsewhere the peak is that of the whole run
}

// memoryMB is what this process holds and the most it held; zero where nobody tells.
func memoryMB() (now, peak float64) {
	mb := func(field string) float64 {
		kb, _, _ := strings.Cut(procField("/proc/self/status", field), " ")
		n, _ := strconv.ParseFloat(kb, 64) // 0 where it is no number
		return n / 1024
	}
	return mb("VmRSS"), mb("VmHWM")
}

// cpuUsed is processor time of this process and of Postgres.
type cpuUsed struct{ process, postgres time.Duration }

func (c cpuUsed) since(before cpuUsed) cpuUsed {
	return cpuUsed{c.process - before.process, c.postgres - before.postgres}
}

// postmaster is the process above all of Postgres' processes; 0 if it cannot be seen from here.
func postmaster(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	var backend int
	if err := pool.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		return 0, fmt.Errorf("ask Postgres for its process: %w", err)
	}
	parent, _ := strconv.Atoi(procField("/proc/"+strconv.Itoa(backend)+"/status", "PPid")) // 0 elsewhere
	return parent, nil
}

func usedCPU(postmaster int) cpuUsed {
	var used cpuUsed
	var self syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) == nil {
		used.process = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	}
	if postmaster > 1 {
		used.postgres = familyCPU(postmaster)
	}
	return used
}

// familyCPU is the time of a process, of its children, and of those that have ended.
func familyCPU(pid int) time.Duration {
	// /proc counts in hundredths of a second on every Linux.
	const tick = 10 * time.Millisecond
	total := time.Duration(0)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is fine
	for _, path := range stats {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid … utime stime cutime cstime: the name may hold anything, blanks and brackets too.
		fields := strings.Fields(string(line[strings.LastIndexByte(string(line), ')')+1:]))
		const ppid, utime, counted = 1, 11, 2
		if len(fields) < utime+4 {
			continue
		}
		own := strings.HasPrefix(string(line), strconv.Itoa(pid)+" ")
		if !own && fields[ppid] != strconv.Itoa(pid) {
			continue
		}
		many := counted
		if own {
			many = 2 * counted // with those of children that have ended
		}
		for _, field := range fields[utime : utime+many] {
			n, _ := strconv.ParseInt(field, 10, 64) // it is one
			total += time.Duration(n) * tick
		}
	}
	return total
}
