// Command sandbox runs the sandbox alone.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/sandbox"
)

func main() { host.Main(sandbox.Service()) }
