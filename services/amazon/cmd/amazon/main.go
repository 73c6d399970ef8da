// Command amazon runs the service amazon alone.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/amazon"
)

func main() { host.Main(amazon.Service()) }
