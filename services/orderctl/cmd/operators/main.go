// Command operators runs the service operators alone. It stands here since what it runs is orderctl's commands.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/orderctl"
)

func main() { host.Main(orderctl.Operators()) }
