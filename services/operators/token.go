package operators

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// What stands in every token of ours, and is asked of each.
const (
	issuer   = "orderflow"
	audience = "orderflow-operators"
)

// claims are what a token says (RFC 7519): who, until when, and as what. The role is for whoever looks at it; what counts
// is the table.
type claims struct {
	jwt.RegisteredClaims

	Role       Role  `json:"role"`
	Generation int64 `json:"gen"`
}

// tokens makes tokens and looks at them.
type tokens struct {
	keys  *keyring
	life  time.Duration
	clock func() time.Time
}

// method is the only one: whatever else a token names is refused before any key is looked for.
var method = jwt.SigningMethodHS256

func (t *tokens) make(a Account) (text string, until time.Time, err error) {
	now := t.clock().UTC().Truncate(time.Second)
	until = now.Add(t.life)
	token := jwt.NewWithClaims(method, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: a.Name, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(until),
		},
		Role: a.Role, Generation: a.generation,
	})
	signing := t.keys.signing()
	token.Header["kid"] = signing.id
	text, err = token.SignedString(signing.secret)
	return text, until, err
}

// errToken says no more than that: why a token is refused is nobody's business but the log's.
var errToken = errors.New("the token is not good")

// leeway is how far the clocks of replicas may be apart.
const leeway = 5 * time.Second

// read verifies a token's signature and its claims.
func (t *tokens) read(text string) (claims, error) {
	var c claims
	_, err := jwt.ParseWithClaims(text, &c, func(token *jwt.Token) (any, error) {
		// What is no text names no key.
		id, _ := token.Header["kid"].(string)
		k, ok := t.keys.find(id)
		if !ok {
			return nil, errors.New("its key is not active")
		}
		return k.secret, nil
	}, jwt.WithValidMethods([]string{method.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithStrictDecoding(), jwt.WithTimeFunc(t.clock))
	if err != nil {
		return c, fmt.Errorf("%w: %v", errToken, err)
	}
	return c, nil
}

// asker is who a token is of, if it is good now: what the table says of them is looked up each time, so that a token ends
// the moment its operator is disabled or changed.
func (t *tokens) asker(ctx context.Context, accounts *Accounts, text string) (Account, error) {
	c, err := t.read(text)
	if err != nil {
		return Account{}, err
	}
	a, _, err := accounts.find(ctx, c.Subject)
	switch {
	case errors.Is(err, ErrNoOperator):
		return Account{}, fmt.Errorf("%w: its operator is gone", errToken)
	case err != nil:
		return Account{}, err
	case a.DisabledAt != nil || a.generation != c.Generation || a.Role != c.Role:
		return Account{}, fmt.Errorf("%w: its operator was disabled or changed since", errToken)
	}
	return a, nil
}
