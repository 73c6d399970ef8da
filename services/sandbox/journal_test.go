package sandbox

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func purchaseOf(reference, key string) purchase {
	return purchase{Key: key, Hash: "h", At: time.Now(), Order: Order{Reference: reference}, Label: Label{Tracking: "SB" + key, Reference: reference}}
}

func TestALineCutOffByACrashIsTakenAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := openBooks(dir, 10)
	require.NoError(t, err)
	_, _, err = b.buy(purchaseOf("o/1", "k1"))
	require.NoError(t, err)
	require.NoError(t, b.journal.close())

	name := filepath.Join(dir, journalName)
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, append(whole, `{"bought":{"lab`...), 0o600))

	b, err = openBooks(dir, 10)
	require.NoError(t, err)
	assert.Equal(t, 1, b.counts().Labels)
	_, _, err = b.buy(purchaseOf("o/2", "k2"))
	require.NoError(t, err)
	require.NoError(t, b.journal.close())

	b, err = openBooks(dir, 10)
	require.NoError(t, err)
	assert.Equal(t, 2, b.counts().Labels)
	require.NoError(t, b.journal.close())
}

func TestBooksThatCannotBeReadAreNotOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, journalName), []byte("{}\nnonsense\n{}\n"), 0o600))
	_, err := openBooks(dir, 10)
	require.ErrorContains(t, err, "line 2")
}

func TestBooksThatCannotBeKeptSayNo(t *testing.T) {
	t.Parallel()
	b, err := openBooks(t.TempDir(), 10)
	require.NoError(t, err)
	require.NoError(t, b.journal.file.Close())
	_, _, err = b.buy(purchaseOf("o/1", "k1"))
	require.Error(t, err)
	_, _, err = b.buy(purchaseOf("o/1", "k1"))
	require.Error(t, err, "also a repeat: what is in memory only must not be told")
	<-b.journal.broken
}

func TestAVoidedParcelIsNeverScanned(t *testing.T) {
	t.Parallel()
	b, err := openBooks("", 10)
	require.NoError(t, err)
	_, _, err = b.buy(purchaseOf("o/1", "k1"))
	require.NoError(t, err)
	n, err := b.void("o/1")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.False(t, b.scan(Scan{Tracking: "SBk1", ID: "s"}))
	assert.Zero(t, b.counts().Scans)
}
