package bus

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// User is what a service may do at the broker, as subjects: what it may publish, and what it may hear. Everything that
// JetStream does is a message, so that this says as well which streams a service looks at and whose durables it pulls.
type User struct {
	Name               string
	Publish, Subscribe []string
}

// Operator is the user of orderctl, who may do everything.
const Operator = "orderctl"

// InboxPrefix is where a user hears answers: under a name of his own, so that nobody else can listen to them.
func InboxPrefix(user string) string { return "_INBOX_" + user }

// factsOf are the services that decide about facts. Which deliveries a service can see is fixed by the filter of its
// durable, which is part of the subject that makes it.
var factsOf = map[string]Owner{
	"orders": OwnerOrder, "payment": OwnerPayment, "fulfillment": OwnerFulfillment, "inventory": OwnerStock,
	"notifier": OwnerNotification, "fraud": OwnerNone,
}

// Users are all of them, by name.
func Users() []User {
	users := []User{
		{"ingress", []string{"intake.>", info(Intake)}, nil},
		projectorUser(),
		amazonUser(),
		operatorsUser(),
		{Operator, []string{">"}, []string{">"}},
	}
	for _, service := range slices.Sorted(maps.Keys(factsOf)) {
		users = append(users, reactorUser(service, factsOf[service]))
	}
	for i, u := range users {
		if u.Name != Operator {
			users[i].Subscribe = []string{InboxPrefix(u.Name) + ".>"}
		}
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return users
}

// reactorUser rings bells of every category, since whoever finds an outbox row that was left empties it.
func reactorUser(service string, facts Owner) User {
	u := User{Name: service, Publish: []string{"events.>", "dead." + service + ".>"}}
	if facts != OwnerNone {
		u.Publish = append(u.Publish, pulls(FactsDurable(service, facts))...)
	}
	u.Publish = append(u.Publish, bells(service)...)
	u.Publish = append(u.Publish, pulls(CommandsDurable(service))...)
	return u
}

// projectorUser keeps the journal, makes room in INTAKE, watches, and publishes anew what is read otherwise after an
// upgrade.
func projectorUser() User {
	u := User{Name: "projector", Publish: []string{"intake.>", "dead.projector.>", "dead.journal.>"}}
	u.Publish = append(u.Publish, pulls(JournalDurable())...)
	u.Publish = append(u.Publish, bells("projector")...)
	for _, stream := range []string{Intake, Events, Commands, Dead} { // it says how much waits in each
		u.Publish = append(u.Publish, info(stream), api("CONSUMER.LIST."+stream))
	}
	u.Publish = append(u.Publish, api("STREAM.PURGE."+Intake))
	for _, stream := range []string{Intake, Events, Commands} { // and how old what waits is
		u.Publish = append(u.Publish, api("DIRECT.GET."+stream), api("STREAM.MSG.GET."+stream))
	}
	return u
}

// amazonUser publishes deliveries as the ingress does, and hears them: those of Amazon alone.
func amazonUser() User {
	u := User{Name: "amazon", Publish: []string{"intake.*.amazon.>", "dead.amazon.>"}}
	u.Publish = append(u.Publish, pulls(SourceDurable("amazon", "amazon"))...)
	return u
}

// operatorsUser asks services for what operators want done, publishes deliveries and dead messages again, and takes those
// out of DEAD. It pulls nothing: what it says of an order it reads in the database.
func operatorsUser() User {
	u := User{Name: "operators", Publish: []string{"commands.>", "intake.>", "events.>"}}
	u.Publish = append(u.Publish, info(Intake), info(Commands), info(Dead),
		api("CONSUMER.LIST."+Intake), api("STREAM.MSG.GET."+Dead), api("DIRECT.GET."+Dead), api("STREAM.MSG.DELETE."+Dead))
	return u
}

func api(call string) string    { return "$JS.API." + call }
func info(stream string) string { return api("STREAM.INFO." + stream) }

// pulls is what it takes to make a durable, to pull and to ack its messages. The filter of a durable that has one stands
// in the subject of the call that makes it; several do not.
func pulls(d Durable) []string {
	at := d.Stream + "." + d.Name
	create := api("CONSUMER.CREATE." + at)
	if len(d.Filters) == 1 {
		create += "." + d.Filters[0]
	}
	return []string{info(d.Stream), create, api("CONSUMER.INFO." + at), api("CONSUMER.DELETE." + at), api("CONSUMER.MSG.NEXT." + at), "$JS.ACK." + at + ".>"}
}

// bells is the same for the bells of a service, of whatever it listens to: they say no more than where to look.
func bells(service string) []string {
	d := RingsDurable(service)
	return append(pulls(d), api("CONSUMER.CREATE."+d.Stream+"."+d.Name+".>"))
}

// UsersConf is the part of a nats-server's configuration that holds the users. Their passwords (or the bcrypt of them)
// are taken from the server's environment: NATS_PASSWORD_PAYMENT and so on.
func UsersConf() string {
	var b strings.Builder
	b.WriteString("# Written by `make docs` from pkg/bus/users.go: what each service may publish and hear.\n")
	b.WriteString("# A password, or its bcrypt, comes from the environment of the server, and has to begin with a letter or $.\n")
	b.WriteString("authorization {\n  users: [\n")
	for _, u := range Users() {
		fmt.Fprintf(&b, "    {\n      user: %s, password: $NATS_PASSWORD_%s\n      permissions {\n", u.Name, strings.ToUpper(u.Name))
		fmt.Fprintf(&b, "        publish: [\n%s        ]\n", quotedLines(u.Publish))
		fmt.Fprintf(&b, "        subscribe: [\n%s        ]\n      }\n    }\n", quotedLines(u.Subscribe))
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

func quotedLines(subjects []string) string {
	var b strings.Builder
	for _, s := range subjects {
		fmt.Fprintf(&b, "          %q\n", s)
	}
	return b.String()
}
