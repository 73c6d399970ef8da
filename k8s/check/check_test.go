package check

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

var overlays = []string{"dev", "staging", "prod"}

func inspect(f Files, overlay string, c *Code) ([]string, error) {
	documents, err := f.Render(overlay)
	if err != nil {
		return nil, err
	}
	o, err := Decode(documents)
	if err != nil {
		return nil, err
	}
	return Check(o, c), nil
}

func read(t *testing.T) (Files, *Code) {
	t.Helper()
	files, err := ReadFiles(root)
	require.NoError(t, err)
	code, err := ReadCode(t.Context(), root)
	require.NoError(t, err)
	return files, code
}

func TestOverlays(t *testing.T) {
	t.Parallel()
	files, code := read(t)
	for _, overlay := range overlays {
		found, err := inspect(files, overlay, code)
		require.NoError(t, err)
		assert.Empty(t, found, overlay)
	}
	for name := range files { // none is left out of the list
		if rest, ok := strings.CutPrefix(name, "k8s/overlays/"); ok {
			assert.Contains(t, overlays, strings.Split(rest, "/")[0])
		}
	}
}
