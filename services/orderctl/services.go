package orderctl

import (
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/amazon"
	"github.com/orderflow/orderflow/services/fraud"
	"github.com/orderflow/orderflow/services/fulfillment"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/inventory"
	"github.com/orderflow/orderflow/services/notifier"
	"github.com/orderflow/orderflow/services/operators"
	"github.com/orderflow/orderflow/services/orders"
	"github.com/orderflow/orderflow/services/payment"
	"github.com/orderflow/orderflow/services/projector"
	"github.com/orderflow/orderflow/services/sandbox"
)

// Operators runs the commands of this package for whoever is logged in.
func Operators() host.Service { return operators.Service(runner) }

// Services is the list of everything that orderflow is made of, in the order in which it starts: who takes work from
// outside comes last, when everybody is there to handle it.
func Services() []host.Service {
	return []host.Service{
		sandbox.Service(),
		orders.Service(),
		payment.Service(),
		fraud.Service(),
		inventory.Service(),
		fulfillment.Service(),
		notifier.Service(),
		projector.Service(projector.Reader{Build: ingress.Build, Read: ingress.Reread}),
		Operators(),
		amazon.Service(),
		ingress.Service(),
	}
}
