package ingest

import "golang.org/x/sys/unix"

// staleFolders is true where a folder's entry of an open file may be behind.
const staleFolders = false

// Kinds of file systems whose changes the kernel does not tell (statfs(2)).
var remoteKinds = map[int64]bool{
	0x6969:     true, // NFS
	0xff534d42: true, // CIFS
	0xfe534d42: true, // SMB2
	0x517b:     true, // SMB
	0x65735546: true, // FUSE, as sshfs
	0x01021997: true, // 9p
	0x786f4256: true, // VirtualBox's shared folders
}

// canWatch tells whether the system still gives out watches (inotify(7),
// max_user_instances): tail waits for one for ever.
func canWatch() bool {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	return err == nil && unix.Close(fd) == nil
}

// remote tells whether a file lies on another machine, so that it must be looked at.
func remote(path string) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return true
	}
	return remoteKinds[int64(uint32(s.Type))]
}
