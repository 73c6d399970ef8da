// Command projector keeps the tables that people query, as a program of its own: projector --help.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/projector"
)

func main() {
	host.Main(projector.Service(projector.Reader{Build: ingress.Build, Read: ingress.Reread}))
}
