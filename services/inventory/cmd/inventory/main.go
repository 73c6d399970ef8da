// Command inventory runs the inventory service by itself.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/inventory"
)

func main() { host.Main(inventory.Service()) }
