package postgres

import (
	"context"
	"strings"
	"time"
)

// againEvery is how often it is tried to start on a folder that a dying server has not let go of.
const againEvery = 100 * time.Millisecond

// begin launches the server and returns when it answers. One that was killed a moment ago may not be quite gone: until
// somebody has taken note of its death and the last of its children has ended, the folder seems to be in use.
func (s *Server) begin(ctx context.Context) error {
	for end := time.Now().Add(startTimeout); ; {
		if err := stopLeftover(ctx, s.data); err != nil {
			return err
		}
		endOrphans(s.data)
		if err := s.launch(); err != nil {
			return err
		}
		err := s.await(ctx)
		if err == nil {
			return nil
		}
		if !stillDying(s.logs.cause()) || time.Now().After(end) || ctx.Err() != nil {
			s.end()
			return err
		}
		s.logs.clear()
		select {
		case <-ctx.Done():
		case <-time.After(againEvery):
		}
	}
}

// stillDying knows what Postgres says of a folder on which another one runs, or did until a moment ago. That it is
// nobody's who lives was made sure of before.
func stillDying(cause string) bool {
	return strings.Contains(cause, `lock file "postmaster.pid" already exists`) || strings.Contains(cause, "pre-existing shared memory block")
}
