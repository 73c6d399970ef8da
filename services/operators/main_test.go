package operators

import (
	"testing"

	"github.com/orderflow/orderflow/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
