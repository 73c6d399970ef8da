// Command ingress takes webhooks: see package ingress, and ingress --help for its settings.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress"
)

func main() { host.Main(ingress.Service()) }
