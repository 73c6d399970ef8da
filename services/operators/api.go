package operators

import (
	"context"
	"io"
	"time"
)

// Paths of the API. Both take and give JSON; an error is a [web.Problem] with a status.
const (
	LoginPath    = "/v1/login"
	CommandsPath = "/v1/commands"
)

// Login is the body of a POST to LoginPath.
type Login struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// Session is its answer: a token for Authorization: Bearer.
type Session struct {
	Token     string    `json:"token"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Command is the body of a POST to CommandsPath: orderctl's arguments, and what it reads from standard input.
type Command struct {
	Args  []string `json:"args"`
	Stdin []byte   `json:"stdin,omitempty"`
}

// Frame is one line of the answer to a command (application/x-ndjson): what it printed, as it prints it, and at the end
// its exit status. An answer without a status was cut off.
type Frame struct {
	Stdout []byte `json:"stdout,omitempty"`
	Stderr []byte `json:"stderr,omitempty"`
	Exit   *int   `json:"exit,omitempty"`
}

// RequestHeader is the header in every answer that names the request as the server's log does.
const RequestHeader = "X-Request-Id"

// Largest bodies.
const (
	LargestLogin   = 4 << 10
	LargestCommand = 6 << 20 // 4 MiB of standard input in base64, and arguments
	largestArgs    = 64 << 10
)

// Call is a command that somebody asked for.
type Call struct {
	Command

	Operator string
	Role     Role
	Request  string
	// Begun is told what is about to run, in words of ours alone: the command, the names of its flags, and its arguments
	// where these are operators' names or numbers. Before that nothing has been done, and without it nothing is.
	Begun          func(command string, flags, args []string)
	Stdout, Stderr io.Writer
}

// Runner runs a command, if the role allows it, and returns its exit status.
type Runner func(ctx context.Context, call Call) int
