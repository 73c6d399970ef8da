package postgres

import "syscall"

// dieWithParent has the kernel stop the server should this process be killed.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
