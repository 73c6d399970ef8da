//go:build !linux

package postgres

import "syscall"

// dieWithParent is Linux's; elsewhere the next start stops a server that was left behind.
func dieWithParent(*syscall.SysProcAttr) {}
