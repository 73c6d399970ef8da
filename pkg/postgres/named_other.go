//go:build !linux

package postgres

import "syscall"

// named is Linux's; elsewhere every user has a name.
func named(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }
