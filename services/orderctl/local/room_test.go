package local

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// On a disk of any size the streams leave room for the database, and a start does not ask for more than there is.
func TestWhatIsTakenOfTheDiskFitsIt(t *testing.T) {
	t.Parallel()
	g := &Ground{Options: Options{Dir: t.TempDir()}}
	before := g.IntakeBytes()
	assert.LessOrEqual(t, before, int64(intakeMost))
	assert.LessOrEqual(t, before, max(free(g.Dir)/2+1<<20, intakeLeft))
	require.NoError(t, os.MkdirAll(filepath.Join(g.Dir, "nats"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(g.Dir, "nats", "1.blk"), make([]byte, 1<<20), 0o600))
	assert.GreaterOrEqual(t, g.IntakeBytes(), min(before-64<<20, intakeMost-64<<20), "what the streams hold already is theirs")
	assert.Regexp(t, `^\d+MB$`, g.walSize())
	assert.Equal(t, int64(intakeMost*4), free(filepath.Join(g.Dir, "none")), "a disk that nobody can ask is no reason to refuse")
}

func TestAFolderThatCannotBeUsedSaysWhatToDo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Prepare(context.Background(), Options{Dir: filepath.Join(file, "data")})
	require.ErrorContains(t, err, "make the data folder")
	assert.NotContains(t, err.Error(), "\n")
	require.ErrorContains(t, usable(os.ErrPermission), "--data")
	require.NoError(t, usable(nil))

	dir := t.TempDir()
	first := &Ground{Options: Options{Dir: dir}}
	require.NoError(t, first.folder(t.Context()))
	require.NoError(t, first.lock(t.Context()))
	t.Cleanup(first.Close)
	second := &Ground{Options: Options{Dir: dir}}
	require.ErrorContains(t, second.lock(t.Context()), "another orderctl runs on "+dir, "two on one folder")
	second.Close()
}
