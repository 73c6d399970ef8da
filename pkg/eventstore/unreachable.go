package eventstore

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unreachable tells trouble with the database, which passes by itself, from trouble with what was asked of it: that
// would fail again, however long one waits.
func Unreachable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && len(pg.Code) == 5 {
		switch pg.Code[:2] {
		case "08", // connection exception
			"25", // invalid transaction state: a standby that was asked to write
			"40", // transaction rollback: a deadlock, a serialization failure
			"53", // insufficient resources
			"55", // not in the state that is needed: a lock that was not to be had
			"57", // operator intervention: a shutdown
			"58": // system error
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) {
		return true
	}
	for _, passing := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
