// Command notifier runs the notifier alone.
package main

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/notifier"
)

func main() { host.Main(notifier.Service()) }
