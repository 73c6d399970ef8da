package orderctl

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orderflow/orderflow/pkg/money"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// What happened is said in the projector's words, so that a timeline reads the same here and in read.order_timeline.
// These are the parts of sentences about everything else.

func named(names []string) string { return when(len(names) > 0, " ("+strings.Join(names, ", ")+")") }

func amount(m *typev1.Money) string { return money.FromProto(m).String() }

// tail is an enum's value as people say it.
func tail(e interface {
	Number() protoreflect.EnumNumber
	String() string
}, prefix string) string {
	return plain(strings.ToLower(strings.TrimPrefix(e.String(), prefix)))
}

func plain(machine string) string { return strings.ReplaceAll(machine, "_", " ") }

func because(reason string) string { return when(reason != "", ": "+reason) }

func someone(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

func when(yes bool, s string) string {
	if yes {
		return s
	}
	return ""
}
