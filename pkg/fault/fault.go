// Package fault sorts errors by what is to be done about them.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what is to be done about an error.
type Kind int

// The kinds. What nobody sorted is transient: trying again loses nothing, giving up might.
const (
	// Transient passes by itself (a database that is down, a provider's 5xx): try again later, without end.
	Transient Kind = iota
	// Rejected stays as it is however often it is tried: give up, visibly.
	Rejected
	// Conflict means that somebody else was faster: load again and decide again.
	Conflict
	// Invalid is wrong input: tell whoever sent it.
	Invalid
)

func (k Kind) String() string {
	return [...]string{"transient", "rejected", "conflict", "invalid"}[k]
}

// Error is an error of a kind.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns what the error was made of.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Wrap gives an error a kind, and says what was being done. Nil stays nil.
func Wrap(kind Kind, err error, doing string) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Err: fmt.Errorf("%s: %w", doing, err)}
}

// KindOf is the kind of the outermost sorted error in the chain; Transient if none is.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Transient
}
