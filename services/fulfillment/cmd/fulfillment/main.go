// Command fulfillment runs the fulfillment service by itself.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/fulfillment"
)

func main() { host.Main(fulfillment.Service()) }
