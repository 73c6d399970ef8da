package operators

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what an operator may do. Each may do what the ones before it may.
type Role string

// Roles, from least to most.
const (
	Viewer   Role = "viewer"   // looks, and sees no personal data
	Operator Role = "operator" // decides about orders, stock, deliveries and dead messages
	Admin    Role = "admin"    // decides who is an operator
)

// Roles are all of them, from least to most.
var roles = []Role{Viewer, Operator, Admin}

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, error) {
	if slices.Contains(roles, Role(name)) {
		return Role(name), nil
	}
	return "", fmt.Errorf("%q is no role: %s", name, strings.Join(RoleNames(), ", "))
}

// RoleNames are the names of all roles, from least to most.
func RoleNames() []string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return names
}

// Allows says that whoever has this role may do what needs that one. A role that there is not allows nothing and is
// allowed to nobody.
func (r Role) Allows(needed Role) bool {
	have, want := slices.Index(roles, r), slices.Index(roles, needed)
	return want >= 0 && have >= want
}
