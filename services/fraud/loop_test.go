package fraud

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

func TestAnOrderIsScoredAndReviewed(t *testing.T) {
	t.Parallel()
	r := run(t)
	r.others(id, placed(50))
	r.quiet(bus.Events, "fraud-rings")
	r.until(id)
	r.others(id, captured())
	r.until(id, "OrderScored")
	r.others(id, captured(), &orderv1.OrderEdited{Description: placed(60).GetDescription()})
	r.quiet(bus.Events, "fraud-rings")
	r.until(id, "OrderScored")
	r.others(id, captured(risk("highest")))
	r.until(id, "OrderScored", "OrderScored")
	assert.Equal(t, fraudv1.Verdict_VERDICT_REVIEW, r.state(id).Fraud.Verdict)

	for n, verdict := range []string{"maybe", "clear"} {
		cause := ident.Named("command", string(rune('a'+n)))
		c := &commandv1.Command{Id: cause[:], EntityId: id[:], By: "anna", Body: &commandv1.Command_DecideReview{DecideReview: &commandv1.DecideReview{Verdict: verdict}}}
		r.ask(c)
		r.ask(c)
	}
	r.until(id, "OrderScored", "OrderScored", "CommandRefused", "ReviewDecided")
	r.quiet(bus.Commands, "fraud-commands")
	r.until(id, "OrderScored", "OrderScored", "CommandRefused", "ReviewDecided")
	assert.True(t, r.state(id).Fraud.Cleared())
	assert.Zero(t, r.dead())
}

func TestTheServiceIsComplete(t *testing.T) {
	t.Parallel()
	s := Service()
	assert.Equal(t, "fraud", s.Name)
	assert.NotEmpty(t, s.About)
	assert.NotNil(t, s.Migrations)
	assert.IsType(t, &Config{}, s.Config)
}
