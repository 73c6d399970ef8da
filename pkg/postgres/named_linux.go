package postgres

import (
	"os"
	"syscall"
)

// nobody is a user that every system has a name for.
const nobody = 65534

// named has a program run as nobody, as far as it can tell: initdb asks for the name of its user, who may have none in a
// container. On disk everything still belongs to that user.
func named(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	uid, gid := os.Geteuid(), os.Getegid()
	if attr.Credential != nil {
		uid, gid = int(attr.Credential.Uid), int(attr.Credential.Gid)
	}
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: gid, Size: 1}}
	attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}
	return attr
}
