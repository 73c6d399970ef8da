package operators

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// What a password has to be. bcrypt looks at 72 bytes and no further, so a longer one would promise more than it keeps.
const (
	ShortestPassword = 12 // characters
	LongestPassword  = 72 // bytes
)

// passwordCost is bcrypt's: some tenths of a second for each guess.
const passwordCost = 12

// CheckPassword says what is wrong with a new password, and nothing of what it is.
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return errors.New("the password is not UTF-8")
	case utf8.RuneCountInString(password) < ShortestPassword:
		return fmt.Errorf("the password has fewer than %d characters", ShortestPassword)
	case len(password) > LongestPassword:
		return fmt.Errorf("the password is longer than %d bytes, which is all that bcrypt looks at", LongestPassword)
	}
	return nil
}

func hashed(password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), passwordCost)
	return string(hash), err
}

// stranger is the hash that is compared where there is no operator of a name, so that the answer takes as long. Nobody
// knows its password.
var stranger = sync.OnceValue(func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), passwordCost)
	if err != nil {
		panic(err) // 26 bytes at a cost that bcrypt knows
	}
	return string(hash)
})

// matches compares a password with a hash; with none, with that of nobody, and says no.
func matches(hash, password string) bool {
	known := hash != "" && len(password) <= LongestPassword
	if !known {
		hash = stranger()
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil && known
}
