// Package seal keeps personal data readable only for as long as its order's key exists.
//
// Every order has a key of its own (AES-256-GCM), wrapped by a master key. Erasing an order's data destroys the key:
// the events stay as they are and nobody can read that part of them again.
package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/ident"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// keySize is AES-256's.
const keySize = 32

// cacheSize is how many orders' keys are remembered: an order is looked at some dozen times within seconds.
const cacheSize = 20_000

// Vault seals and opens.
type Vault struct {
	pool    *pgxpool.Pool
	masters [][keySize]byte

	mu    sync.Mutex
	cache map[ident.Entity]cipher.AEAD
	// forgotten counts what was dropped from the cache: a key that was read before that is not remembered after it.
	forgotten int
}

// ParseMasters reads the setting MASTER_KEY: base64 of 32 bytes, several separated by commas. The first one wraps,
// all of them unwrap, so that a master key can be changed without touching what is stored.
func ParseMasters(setting string) ([][keySize]byte, error) {
	var masters [][keySize]byte
	for part := range strings.SplitSeq(setting, ",") {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
		if err != nil || len(raw) != keySize {
			return nil, errors.New("MASTER_KEY must be base64 of 32 bytes (openssl rand -base64 32), several separated by commas")
		}
		masters = append(masters, [keySize]byte(raw))
	}
	return masters, nil
}

// NewVault makes a vault. It needs at least one master key.
func NewVault(pool *pgxpool.Pool, masters [][keySize]byte) (*Vault, error) {
	if len(masters) == 0 {
		return nil, errors.New("a vault needs a master key")
	}
	return &Vault{pool: pool, masters: masters, cache: map[ident.Entity]cipher.AEAD{}}, nil
}

// HMAC is a keyed hash, for comparing values without keeping them. The label keeps uses apart.
func (v *Vault) HMAC(label, value string) []byte {
	mac := hmac.New(sha256.New, v.masters[0][:])
	mac.Write([]byte(label + "\x00" + value))
	return mac.Sum(nil)
}

// Seal encrypts a person under the order's key, which is made on first use. Nil stays nil. The key of an erased order
// is never made again: the result is then an empty seal, which opens as erased.
func (v *Vault) Seal(ctx context.Context, id ident.Entity, p *typev1.Person) (*typev1.Sealed, error) {
	if p == nil {
		return nil, nil //nolint:nilnil // nothing personal, nothing sealed
	}
	plain, err := proto.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return v.SealBytes(ctx, id, plain)
}

// SealBytes encrypts bytes under an entity's key.
func (v *Vault) SealBytes(ctx context.Context, id ident.Entity, plain []byte) (*typev1.Sealed, error) {
	key, err := v.key(ctx, id, true)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return &typev1.Sealed{}, nil
	}
	nonce := make([]byte, key.NonceSize())
	rand.Read(nonce) // never fails since Go 1.24
	return &typev1.Sealed{Nonce: nonce, Ciphertext: key.Seal(nil, nonce, plain, id[:])}, nil
}

// Open decrypts. The bool says that the data was erased: then the person is empty. Nil opens as an empty person.
func (v *Vault) Open(ctx context.Context, id ident.Entity, s *typev1.Sealed) (*typev1.Person, bool, error) {
	if s == nil {
		return &typev1.Person{}, false, nil
	}
	plain, erased, err := v.OpenBytes(ctx, id, s)
	if err != nil || erased {
		return &typev1.Person{}, erased, err
	}
	p := &typev1.Person{}
	if err := proto.Unmarshal(plain, p); err != nil {
		return nil, false, fmt.Errorf("open the seal of %s: %w", id, err)
	}
	return p, false, nil
}

// OpenBytes decrypts bytes; the bool says that they were erased.
func (v *Vault) OpenBytes(ctx context.Context, id ident.Entity, s *typev1.Sealed) ([]byte, bool, error) {
	if len(s.GetCiphertext()) == 0 {
		return nil, true, nil
	}
	key, err := v.key(ctx, id, false)
	if err != nil || key == nil {
		return nil, key == nil, err
	}
	if len(s.GetNonce()) != key.NonceSize() {
		return nil, false, fmt.Errorf("open the seal of %s: it is damaged", id)
	}
	plain, err := key.Open(nil, s.GetNonce(), s.GetCiphertext(), id[:])
	if err != nil {
		return nil, false, fmt.Errorf("open the seal of %s: it was made under another key", id)
	}
	return plain, false, nil
}

// Erase destroys the key of an order for good, in every process as soon as its memory forgets it; the caller appends
// PersonalDataErased so that projections are written again.
func (v *Vault) Erase(ctx context.Context, id ident.Entity) error {
	_, err := v.pool.Exec(ctx, `INSERT INTO orderflow.keys (entity_id, wrapped, erased_at) VALUES ($1, NULL, clock_timestamp())
		ON CONFLICT (entity_id) DO UPDATE SET wrapped = NULL, erased_at = coalesce(keys.erased_at, clock_timestamp())`, uuid.UUID(id))
	if err != nil {
		return fmt.Errorf("erase the key of %s: %w", id, err)
	}
	v.Forget(id)
	return nil
}

// Forget drops a key from this process's memory: called when PersonalDataErased is seen.
func (v *Vault) Forget(id ident.Entity) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.cache, id)
	v.forgotten++
}

// key loads an entity's key, making it if asked to. Nil without an error means that there is none: erased, or never made.
func (v *Vault) key(ctx context.Context, id ident.Entity, create bool) (cipher.AEAD, error) {
	v.mu.Lock()
	key, ok := v.cache[id]
	forgotten := v.forgotten
	v.mu.Unlock()
	if ok {
		return key, nil
	}
	wrapped, err := v.load(ctx, id, create)
	if err != nil || wrapped == nil {
		return nil, err
	}
	raw, err := v.unwrap(id, wrapped)
	if err != nil {
		return nil, err
	}
	key = aead(raw)
	v.remember(id, key, forgotten)
	return key, nil
}

// load reads the wrapped key. If it is to be made, whoever is first wins and the others read what he wrote.
func (v *Vault) load(ctx context.Context, id ident.Entity, create bool) ([]byte, error) {
	if create {
		_, err := v.pool.Exec(ctx, `INSERT INTO orderflow.keys (entity_id, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
			uuid.UUID(id), v.wrap(id, fresh()))
		if err != nil {
			return nil, fmt.Errorf("make the key of %s: %w", id, err)
		}
	}
	var wrapped []byte
	err := v.pool.QueryRow(ctx, `SELECT wrapped FROM orderflow.keys WHERE entity_id = $1`, uuid.UUID(id)).Scan(&wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of %s: %w", id, err)
	}
	return wrapped, nil
}

func fresh() []byte {
	raw := make([]byte, keySize)
	rand.Read(raw) // never fails since Go 1.24
	return raw
}

func (v *Vault) wrap(id ident.Entity, raw []byte) []byte {
	master := aead(v.masters[0][:])
	nonce := make([]byte, master.NonceSize())
	rand.Read(nonce) // never fails since Go 1.24
	return master.Seal(nonce, nonce, raw, id[:])
}

func (v *Vault) unwrap(id ident.Entity, wrapped []byte) ([]byte, error) {
	for _, m := range v.masters {
		master := aead(m[:])
		if len(wrapped) < master.NonceSize() {
			break
		}
		if raw, err := master.Open(nil, wrapped[:master.NonceSize()], wrapped[master.NonceSize():], id[:]); err == nil {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("the key of %s was wrapped by a master key that MASTER_KEY does not hold", id)
}

func (v *Vault) remember(id ident.Entity, key cipher.AEAD, forgotten int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.forgotten != forgotten {
		return // perhaps this one: it is read again
	}
	if len(v.cache) >= cacheSize {
		for old := range v.cache { // any one: a miss costs one read
			delete(v.cache, old)
			break
		}
	}
	v.cache[id] = key
}

// aead cannot fail: the key always has 32 bytes.
func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}
