package orderctl

import (
	"github.com/orderflow/orderflow/pkg/host"
)

// Services is the list of everything that orderflow is made of, in the order in which it starts.
func Services() []host.Service {
	return []host.Service{}
}
