// Command fraud runs the fraud service as a process of its own.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/fraud"
)

func main() { host.Main(fraud.Service()) }
