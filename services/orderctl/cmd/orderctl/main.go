// Command orderctl runs orderflow and answers for it: orderctl --help.
package main

import (
	"os"

	"github.com/orderflow/orderflow/services/orderctl"
)

func main() { os.Exit(orderctl.Main(os.Args[1:])) }
