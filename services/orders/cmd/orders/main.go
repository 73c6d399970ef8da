// Command orders runs the orders service as a process of its own.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/orders"
)

func main() { host.Main(orders.Service()) }
