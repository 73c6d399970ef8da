package orderctl

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
)

func TestStockIsSetReceivedAndShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Contains(t, w.ok("stock", "show"), "There is no stock yet")
	w.serve("inventory")
	assert.Equal(t, `SKU  LOCATION  ON HAND  RESERVED  AVAILABLE  OVERSOLD
MUG  main      20       0         20
`, w.ok("stock", "receive", "MUG", "20"))
	w.ok("stock", "receive", "MUG", "5", "--location", "berlin")
	w.ok("stock", "set", "MUG", "7", "--reason", "yearly count")
	w.ok("stock", "set", "TEE", "0")
	assert.Equal(t, `SKU  LOCATION  ON HAND  RESERVED  AVAILABLE  OVERSOLD
MUG  berlin    5        0         5
MUG  main      7        0         7
TEE  main      0        0         0
`, w.ok("stock", "show"))
	var levels []levelView
	w.parsed(&levels, "stock", "show", "MUG")
	assert.Len(t, levels, 2)
	r := w.run("stock", "show", "TEE", "NONE")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, "TEE")
	assert.Contains(t, r.said, "nothing was ever on hand of NONE")
}

func TestARefusedMoveIsANo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("inventory")
	w.ok("stock", "set", "MUG", "1000000000000")
	r := w.run("stock", "receive", "MUG", "1")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "refused: with 1 more there would be more than any location holds")
	r = w.runWith("sku,quantity\nMUG,1\nTEE,2\n", "stock", "receive", "--csv", "-", "--json")
	assert.Equal(t, 1, r.code)
	var o outcomes
	require.NoError(t, json.Unmarshal([]byte(r.out), &o))
	assert.Equal(t, 1, o.Applied)
	require.Len(t, o.Refused, 1)
	assert.Equal(t, 2, o.Refused[0].Line)
}

func TestABigFileIsAppliedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("inventory")
	const lines = 2500
	var b strings.Builder
	b.WriteString("\xef\xbb\xbfSKU,Quantity,Location\n")
	for i := range lines {
		fmt.Fprintf(&b, "SKU-%d,%d,\"main\"\r\n", i%1200, i+1) // the same SKU several times: each adds
	}
	path := filepath.Join(t.TempDir(), "stock.csv")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	assert.Equal(t, "stock receive: 2500 lines are applied\n", w.ok("stock", "receive", "--csv", path))
	var levels []levelView
	w.parsed(&levels, "stock", "show")
	assert.Len(t, levels, 1200)
	var sum int64
	for _, l := range levels {
		sum += l.OnHand
	}
	assert.Equal(t, int64(lines*(lines+1)/2), sum)
	w.answered()
}

func TestNothingIsSentUnlessEveryLineIsGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runWith(`sku,location,quantity
MUG,main,20
,main,1
TEE,main,many
TEE,main,-1
TEE,main
MUG,main,3
"broken"x,main,1
HAT,main,1.5
HAT,main,9999999999999
"line
break",main,1
`, "stock", "set", "--csv", "-")
	assert.Equal(t, 1, r.code)
	golden(t, "csv_wrong.txt", r.said)
	assert.Empty(t, w.messages(bus.Commands))
	for input, want := range map[string]string{
		"":                          "the file is empty",
		"sku,location,quantity\n":   "no line below its header",
		"sku,location\nMUG,main\n":  "the column quantity is missing",
		"sku,quantity,colour\n":     `there is a column "colour"`,
		"sku,sku,quantity\n":        "the column sku stands there twice",
		"MUG,20\n":                  `there is a column "mug"`,
		"sku,quantity\nMUG,0\n":     "", // a count of none is a count
		"sku,quantity\n\"MUG\n,1\n": "line 2",
	} {
		m := movement{verb: "set", counts: true}
		_, err := m.readCSV(strings.NewReader(input), "")
		if want == "" {
			require.NoError(t, err, input)
			continue
		}
		require.ErrorContains(t, err, want, input)
	}
	r = w.runWith("sku,quantity\nMUG,0\n", "stock", "receive", "--csv", "-")
	assert.Contains(t, r.said, "line 2: the quantity 0 is below 1")
}

func TestManyBadLinesAreCounted(t *testing.T) {
	t.Parallel()
	_, err := movement{verb: "receive", least: 1}.readCSV(strings.NewReader("sku,quantity\n"+strings.Repeat("MUG,x\n", 80)), "")
	require.Error(t, err)
	assert.Contains(t, err.Error(), "80 lines are wrong")
	assert.Contains(t, err.Error(), "and 30 more")
}

func TestStockIsCalledWrongly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, args := range [][]string{
		{"stock", "set", "MUG"}, {"stock", "set", "MUG", "x"}, {"stock", "set", "MUG", "-1"}, {"stock", "receive", "MUG", "0"},
		{"stock", "set", "MUG", "1", "--csv", "f"}, {"stock", "set"}, {"stock", "set", "", "1"}, {"stock", "lose", "MUG", "1"}, {"stock", "set", "a", "1", "2"},
	} {
		assert.Equal(t, 2, w.run(args...).code, "%v", args)
	}
	assert.Equal(t, 1, w.run("stock", "set", "--csv", "/does/not/exist").code)
}

func TestInventoryThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.run("stock", "receive", "MUG", "1", "--wait", "200ms")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "inventory has not answered within 200 ms")
	assert.Equal(t, uint64(1), w.messages(bus.Commands))
}
