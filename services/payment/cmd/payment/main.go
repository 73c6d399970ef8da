// Command payment runs the payment service as a process of its own.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/payment"
)

func main() { host.Main(payment.Service()) }
