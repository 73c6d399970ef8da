package orderctl

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAColumnIsAsWideAsItsWidestCellAlsoWhereTheLastIsEmpty(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	require.NoError(t, table(&b, []string{"PLACED", "WAITS FOR"}, []string{"2026-03-01 12:00:00", ""}, []string{"2026-03-01 12:00:01", "stock"}, []string{"-"}))
	assert.Equal(t, `PLACED               WAITS FOR
2026-03-01 12:00:00
2026-03-01 12:00:01  stock
-
`, b.String())
}
