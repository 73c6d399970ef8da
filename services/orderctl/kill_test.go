//go:build linux

// The kill tests hold the first promise to its word: whatever process dies, and whenever, every delivery that was
// answered 2xx has its effect, once.
//
//	kill_test.go           how long, from which seed, and the table of rounds
//	kill_senders_test.go   providers that send until they are answered
//	kill_check_test.go     what has to be true of every order once it is quiet
//	kill_process_test.go   processes that are started, killed and started again
//	kill_up_test.go        'orderctl up': everything in one process, with its Postgres
//	kill_services_test.go  every service as a process of its own
//	kill_nodes_test.go     three brokers, and two of every service
//	upgrade_test.go        every process is replaced by another build, and nothing is refused
//
// 'make test' runs a round of each. 'make kills ROUNDS=20' runs many and prints what each one killed.
package orderctl

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/orderctl/demo"
)

// What the environment may say.
const (
	killRoundsEnv = "KILL_ROUNDS"
	killSeedEnv   = "KILL_SEED"
)

// fewOrders and manyOrders are how many orders come in while a round kills.
const (
	fewOrders  = 24
	manyOrders = 60
)

// kills is one run of rounds: everything random in it follows from its seed.
type kills struct {
	t      *testing.T
	rounds int
	long   bool
	orders int
	seed   uint64
	random *rand.Rand
	told   []demo.Story // of all rounds
	table  []killRow
}

// killRow is what one round came to.
type killRow struct {
	round    int
	killed   []string
	orders   int
	accepted int64
	again    int64
	checked  checked
	took     time.Duration
}

// newKills reads how long it may take. The seed is printed, so that a run's choices can be made again.
func newKills(t *testing.T) *kills {
	t.Helper()
	k := &kills{t: t, rounds: 1, orders: fewOrders}
	if n := os.Getenv(killRoundsEnv); n != "" {
		rounds, err := strconv.Atoi(n)
		require.NoError(t, err, killRoundsEnv)
		k.rounds, k.long, k.orders = rounds, true, manyOrders
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv(killSeedEnv); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err, killSeedEnv)
	}
	t.Logf("%s=%d %s=%d", killRoundsEnv, k.rounds, killSeedEnv, seed)
	k.seed, k.random = seed, rand.New(rand.NewPCG(seed, 1))
	k.tell(k.orders)
	return k
}

// tell makes the stories of all rounds, so many for each.
func (k *kills) tell(orders int) {
	k.orders = orders
	k.told = demo.Tell(k.rounds*orders, time.Now(), k.seed)
}

// round is the stories of one round.
func (k *kills) round(n int) []demo.Story { return k.told[n*k.orders : (n+1)*k.orders] }

// moment is when to kill: after so many more deliveries were accepted, and a little later, so that it hits what follows
// from them as well.
func (k *kills) moment() (accepted int64, pause time.Duration) {
	return k.random.Int64N(int64(k.orders)/2 + 1), time.Duration(k.random.Int64N(int64(600 * time.Millisecond)))
}

// done ends a round: what it came to is printed at once.
func (k *kills) done(row killRow) {
	k.t.Helper()
	k.table = append(k.table, row)
	k.t.Logf("round %d: killed %s; %s", row.round, strings.Join(row.killed, ", "), row.checked.String())
}

// report prints the table of all rounds.
func (k *kills) report() {
	k.t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROUND\tKILLED\tORDERS\t2XX\tSENT AGAIN\tLABELS\tMAILS\tREPEATED MAILS\tSECONDS\tFOUND")
	kills := 0
	for _, r := range k.table {
		kills += len(r.killed)
		fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\t%d\n", r.round, strings.Join(r.killed, " "), r.orders, r.accepted, r.again,
			r.checked.labels, r.checked.mails, r.checked.repeats, r.took.Seconds(), len(r.checked.found))
	}
	if err := w.Flush(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Logf("%d rounds, %d kills\n%s", len(k.table), kills, b.String())
}

// stockOf is enough for every order of all rounds.
func stockOf(k *kills) map[string]int64 { return demo.Stock(k.rounds * k.orders) }
