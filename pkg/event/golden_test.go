package event_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"

	_ "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1" // each registers the events of its category
	_ "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	_ "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	_ "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	_ "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	_ "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	_ "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

var update = flag.Bool("update", false, "write the golden files that are missing; what is there is never changed")

// golden is one event as it was stored once, and what it says.
type golden struct {
	file    string
	stored  []byte
	message proto.Message
}

// Every event has an example that was written when the event was, and another one when it grew. What was appended once
// is read for ever: today's code has to read all of them, and understand the same.
func TestEveryStoredEventIsStillRead(t *testing.T) {
	t.Parallel()
	for _, d := range events() {
		t.Run(string(d.FullName()), func(t *testing.T) {
			t.Parallel()
			eventType := strings.TrimPrefix(string(d.FullName()), "orderflow.")
			goldens := read(t, eventType)
			shown := map[string]bool{}
			for _, g := range goldens {
				decoded, err := event.Decode(eventType, g.stored)
				require.NoError(t, err, g.file)
				assert.Truef(t, proto.Equal(g.message, decoded), "%s: today's code reads the stored bytes as\n%s", g.file, format(t, decoded))
				collect(decoded.ProtoReflect(), "", shown)
			}
			example := exampleOf(t, eventType)
			all := map[string]bool{}
			collect(example.ProtoReflect(), "", all)
			for field := range shown {
				delete(all, field)
			}
			if len(goldens) > 0 && len(all) == 0 {
				return
			}
			if *update {
				write(t, eventType, len(goldens)+1, example)
				return
			}
			assert.Failf(t, "no golden file", "%s shows %v in no example: go test ./pkg/event -update writes one", eventType, keys(all))
		})
	}
}

// A golden file that no event belongs to tells of an event that was taken away.
func TestNoEventWasTakenAway(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, d := range events() {
		known[strings.TrimPrefix(string(d.FullName()), "orderflow.")] = true
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		assert.True(t, known[filepath.Base(filepath.Dir(file))+"."+name], "%s: what was appended once is read for ever", file)
	}
}

// events are the messages of the categories that stand by themselves: those that are no part of another one.
func events() []protoreflect.MessageDescriptor {
	var all []protoreflect.MessageDescriptor
	parts := map[protoreflect.FullName]bool{}
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		d := mt.Descriptor()
		category := event.CategoryOf(strings.TrimPrefix(string(d.FullName()), "orderflow."))
		if !strings.HasPrefix(string(d.FullName()), "orderflow.") || !slices.Contains(event.Categories[:], category) {
			return true
		}
		all = append(all, d)
		for i := range d.Fields().Len() {
			if part := d.Fields().Get(i).Message(); part != nil {
				parts[part.FullName()] = true
			}
		}
		return true
	})
	all = slices.DeleteFunc(all, func(d protoreflect.MessageDescriptor) bool { return parts[d.FullName()] })
	slices.SortFunc(all, func(a, b protoreflect.MessageDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return all
}

func path(eventType string) (dir, name string) {
	name = event.NameOf(eventType)
	return filepath.Join("testdata", strings.TrimSuffix(eventType, "."+name)), name
}

func read(t *testing.T, eventType string) []golden {
	t.Helper()
	dir, name := path(eventType)
	var goldens []golden
	for n := 1; ; n++ {
		file := filepath.Join(dir, numbered(name, n))
		words, err := os.ReadFile(file + ".json")
		if os.IsNotExist(err) {
			return goldens
		}
		require.NoError(t, err)
		g := golden{file: file, message: exampleOf(t, eventType)}
		require.NoError(t, protojson.Unmarshal(words, g.message), file)
		stored, err := os.ReadFile(file + ".hex")
		require.NoError(t, err)
		g.stored, err = hex.DecodeString(strings.Join(strings.Fields(string(stored)), ""))
		require.NoError(t, err, file)
		goldens = append(goldens, g)
	}
}

func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	return fmt.Sprintf("%s.%d", name, n)
}

func write(t *testing.T, eventType string, n int, m proto.Message) {
	t.Helper()
	dir, name := path(eventType)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	file := filepath.Join(dir, numbered(name, n))
	stored, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(t, err)
	var lines bytes.Buffer
	for part := range slices.Chunk(stored, 40) {
		fmt.Fprintln(&lines, hex.EncodeToString(part))
	}
	for ending, data := range map[string][]byte{".json": format(t, m), ".hex": lines.Bytes()} {
		require.NoFileExists(t, file+ending)
		require.NoError(t, os.WriteFile(file+ending, data, 0o644))
	}
}

// format is readable JSON with stable spaces, which protojson on purpose does not promise.
func format(t *testing.T, m proto.Message) []byte {
	t.Helper()
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, raw, "", "  "))
	return append(out.Bytes(), '\n')
}

func exampleOf(t *testing.T, eventType string) proto.Message {
	t.Helper()
	m, err := event.Decode(eventType, nil)
	require.NoError(t, err)
	fill(m.ProtoReflect(), 3)
	return m
}

// fill sets every field to something that tells it from its neighbours.
func fill(m protoreflect.Message, depth int) {
	if stamp, ok := m.Interface().(*timestamppb.Timestamp); ok {
		stamp.Seconds, stamp.Nanos = 1_790_000_000, 5_000_000
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.Message() != nil && depth == 0, f.ContainingOneof() != nil && m.WhichOneof(f.ContainingOneof()) != nil:
		case f.IsList():
			list := m.Mutable(f).List()
			for n := range 2 {
				list.Append(value(list.NewElement(), f, n, depth))
			}
		default:
			m.Set(f, value(m.NewField(f), f, 0, depth))
		}
	}
}

func value(fresh protoreflect.Value, f protoreflect.FieldDescriptor, n, depth int) protoreflect.Value {
	number := int64(f.Number())*10 + int64(n)
	switch f.Kind() {
	case protoreflect.MessageKind:
		fill(fresh.Message(), depth-1)
		return fresh
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(min(1+n, values.Len()-1)).Number())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprint(f.Name(), " ", number))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(fmt.Sprint(f.Name(), " ", number)))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(number))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(number))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(number * 1_000_000_007)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(number))
	}
	panic(fmt.Sprintf("%s: no example of a %s: say here what one is", f.FullName(), f.Kind()))
}

// collect names the fields that a message shows, those of its parts as well.
func collect(m protoreflect.Message, at string, shown map[string]bool) {
	shown[at] = true
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := at + "/" + string(f.Name())
		shown[name] = true
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				collect(v.List().Get(i).Message(), name, shown)
			}
		default:
			collect(v.Message(), name, shown)
		}
		return true
	})
}

func keys(m map[string]bool) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
