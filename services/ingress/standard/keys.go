package standard

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// What stands before the base64 of a key.
const (
	secretPrefix  = "whsec_" // shared by both sides, for v1
	publicPrefix  = "whpk_"  // the receiver's half, for v1a
	privatePrefix = "whsk_"  // the sender's half, for v1a
)

// The size of a shared key, by the specification.
const (
	shortestKey = 24
	longestKey  = 64
)

var (
	errKey = errors.New("it has to be whsec_ and the base64 of 24 to 64 random bytes (make one with echo whsec_$(openssl rand -base64 32)), " +
		"or whpk_ and the base64 of the 32 bytes of the sender's ed25519 public key")
	errPublic  = errors.New("it has to be whpk_ and the base64 of the 32 bytes of an ed25519 public key")
	errPrivate = errors.New("it has to be whsk_ and the base64 of an ed25519 private key: its seed of 32 bytes, or the seed and the public key behind it")
	errSenders = errors.New("it is the sender's private key (whsk_), with which anybody could sign: take it out, and set the public key that belongs to it (whpk_)")
	errNoSign  = errors.New("a public key (whpk_) signs nothing: sign with the private key that belongs to it (whsk_)")
)

// verifier is what one setting verifies with: exactly one of both is there.
type verifier struct {
	shared []byte
	public ed25519.PublicKey
}

// verifierOf reads a secret of the ingress's settings.
func verifierOf(secret string) (verifier, error) {
	switch {
	case strings.HasPrefix(secret, privatePrefix):
		return verifier{}, errSenders
	case strings.HasPrefix(secret, publicPrefix):
		key, ok := decoded(secret, publicPrefix)
		if !ok || len(key) != ed25519.PublicKeySize || weak(key) {
			return verifier{}, errPublic
		}
		return verifier{public: key}, nil
	}
	key, err := shared(secret)
	return verifier{shared: key}, err
}

// signed says that one of the signatures is good for the message, which is given in parts. The shared key is compared in
// constant time; a public key has nothing to hide.
func (v verifier) signed(given signatures, message ...[]byte) bool {
	if v.public == nil {
		return source.SignedByAny([][]byte{v.shared}, given.v1, message...)
	}
	whole := joined(message)
	for _, signature := range given.v1a {
		if ed25519.Verify(v.public, whole, signature) {
			return true
		}
	}
	return false
}

// signer signs in one version of the specification.
type signer struct {
	version string
	sign    func(message ...[]byte) []byte
}

// signerOf reads a secret of a sender.
func signerOf(secret string) (signer, error) {
	switch {
	case strings.HasPrefix(secret, publicPrefix):
		return signer{}, errNoSign
	case strings.HasPrefix(secret, privatePrefix):
		key, err := private(secret)
		return signer{versionA, func(message ...[]byte) []byte { return ed25519.Sign(key, joined(message)) }}, err
	}
	key, err := shared(secret)
	return signer{version1, func(message ...[]byte) []byte { return source.HMAC(key, message...) }}, err
}

func shared(secret string) ([]byte, error) {
	key, ok := decoded(secret, secretPrefix)
	if !ok || len(key) < shortestKey || len(key) > longestKey {
		return nil, errKey
	}
	return key, nil
}

// private reads a private key as the libraries write it: the specification says no more than that it is one. That for
// Go takes the seed; Svix keeps the seed and the public key behind it, which then has to be the seed's.
func private(secret string) (ed25519.PrivateKey, error) {
	key, ok := decoded(secret, privatePrefix)
	if !ok || len(key) != ed25519.SeedSize && len(key) != ed25519.PrivateKeySize {
		return nil, errPrivate
	}
	whole := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	if len(key) == ed25519.PrivateKeySize && string(whole) != string(key) {
		return nil, errPrivate
	}
	return whole, nil
}

func decoded(secret, prefix string) ([]byte, bool) {
	encoded, ok := strings.CutPrefix(secret, prefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	return key, ok && err == nil
}

// weakKeys are the points of small order, without their sign: under such a key some signatures are good for any message,
// so whoever set it (32 zeros, say) would let everybody in.
var weakKeys = map[string]bool{
	"0000000000000000000000000000000000000000000000000000000000000000": true,
	"0100000000000000000000000000000000000000000000000000000000000000": true,
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": true,
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": true,
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
}

func weak(public []byte) bool {
	y := bytes.Clone(public)
	y[len(y)-1] &= 0x7f
	return weakKeys[hex.EncodeToString(y)]
}

func joined(parts [][]byte) []byte {
	var whole []byte
	for _, p := range parts {
		whole = append(whole, p...)
	}
	return whole
}
