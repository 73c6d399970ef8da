package source

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

// SameAsAny says that a credential, sent as it is by those who sign nothing, is one of the secrets. How long it takes
// tells nothing of how much of it was right, nor how long it should be; an empty one is nobody's.
func SameAsAny(secrets []string, given string) bool {
	hash := sha256.Sum256([]byte(given))
	same := 0
	for _, s := range secrets {
		want := sha256.Sum256([]byte(s))
		if s != "" {
			same |= subtle.ConstantTimeCompare(want[:], hash[:])
		}
	}
	return same == 1
}

// shortest is the shortest credential that cannot be tried out.
const shortest = 8

// CheckCredential says what is wrong with a secret that is sent as it is.
func CheckCredential(secret string) error {
	if err := CheckKey(secret); err != nil {
		return err
	}
	if len(secret) < shortest {
		return errors.New("it is shorter than 8 bytes: it is sent as it is, and could be tried out")
	}
	return nil
}
