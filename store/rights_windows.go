package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// everybody are the groups that any account of the machine is in: Everyone,
// Authenticated Users, Users, Guests, Anonymous, Interactive, Network, all packages.
var everybody = map[string]bool{
	"S-1-1-0": true, "S-1-5-11": true, "S-1-5-32-545": true, "S-1-5-32-546": true, "S-1-5-7": true, "S-1-5-4": true, "S-1-5-2": true,
	"S-1-15-2-1": true, "S-1-15-2-2": true,
}

// wholeDomain is how the groups that any account of a domain is in end: Domain
// Users, Domain Guests, Domain Computers.
var wholeDomain = []string{"-513", "-514", "-515"}

// creatorOwner stands for whoever makes a file, in the rights of its folder.
const creatorOwner = "S-1-3-0"

// allRights is FILE_ALL_ACCESS of winnt.h.
const allRights = 0x1f01ff

// createClosed makes a file without the rights that its folder gives to everybody:
// Windows gives a new file the rights of its folder, and those below C:\ProgramData
// let all users read. Rights of single accounts and groups stay; whoever runs this,
// the system and administrators have all of them. It returns false if the file is
// there.
func createClosed(path string) (bool, error) {
	acl, err := aclOf(filepath.Dir(path))
	if err != nil {
		return false, err
	}
	if acl == nil {
		return createWith(path, nil)
	}
	entries, err := inherited(acl)
	if err != nil {
		return false, rightsError(path, err)
	}
	owners, err := owners()
	if err != nil {
		return false, rightsError(path, err)
	}
	for _, sid := range owners {
		entries = append(entries, entry(sid, windows.GRANT_ACCESS, allRights))
	}
	closed, err := windows.ACLFromEntries(entries, nil)
	if err != nil {
		return false, rightsError(path, err)
	}
	return createWith(path, closed)
}

// createBeside makes the files that SQLite has beside the store, unless they are
// there, with the rights of the store, as SQLite does by itself elsewhere. It takes
// empty ones for new. Those that a reader makes while nobody writes hold no rows, and
// have the rights of the folder.
func createBeside(path string) error {
	acl, err := aclOf(path)
	if err != nil {
		return err
	}
	_, walErr := createWith(path+"-wal", acl)
	_, shmErr := createWith(path+"-shm", acl)
	return errors.Join(walErr, shmErr)
}

// owners always have all rights.
func owners() ([]*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	sids := []*windows.SID{user.User.Sid}
	for _, known := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid} {
		sid, err := windows.CreateWellKnownSid(known)
		if err != nil {
			return nil, err
		}
		sids = append(sids, sid)
	}
	return sids, nil
}

// inherited are the rights that a folder gives to the files in it, but for those of
// everybody. What it denies is kept also for them.
func inherited(folder *windows.ACL) ([]windows.EXPLICIT_ACCESS, error) {
	var entries []windows.EXPLICIT_ACCESS
	for i := range uint32(folder.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(folder, i, &ace); err != nil {
			return nil, err
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		switch {
		case ace.Header.AceFlags&windows.OBJECT_INHERIT_ACE == 0:
		case ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE:
			entries = append(entries, entry(sid, windows.DENY_ACCESS, ace.Mask))
		case ace.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE && !isEverybody(sid) && sid.String() != creatorOwner:
			entries = append(entries, entry(sid, windows.GRANT_ACCESS, ace.Mask))
		} // Other types have conditions that can't be kept: they let nobody in.
	}
	return entries, nil
}

func isEverybody(sid *windows.SID) bool {
	text := sid.String()
	return everybody[text] || strings.HasPrefix(text, "S-1-5-21-") &&
		slices.ContainsFunc(wholeDomain, func(end string) bool { return strings.HasSuffix(text, end) })
}

func entry(sid *windows.SID, mode windows.ACCESS_MODE, mask windows.ACCESS_MASK) windows.EXPLICIT_ACCESS {
	return windows.EXPLICIT_ACCESS{
		AccessPermissions: mask, AccessMode: mode, Inheritance: windows.NO_INHERITANCE,
		Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeType: windows.TRUSTEE_IS_UNKNOWN, TrusteeValue: windows.TrusteeValueFromSID(sid)},
	}
}

// aclOf is the list of rights of a file or folder; nil if its disk knows none, as
// FAT.
func aclOf(path string) (*windows.ACL, error) {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err == nil {
		var acl *windows.ACL
		if acl, _, err = descriptor.DACL(); err == nil {
			return acl, nil
		}
	}
	for _, none := range []error{windows.ERROR_OBJECT_NOT_FOUND, windows.ERROR_NOT_SUPPORTED, windows.ERROR_INVALID_FUNCTION} {
		if errors.Is(err, none) {
			return nil, nil
		}
	}
	return nil, rightsError(path, err)
}

// createWith makes a file with these rights and no others; nil are those of its
// folder. It returns false if the file is there.
func createWith(path string, acl *windows.ACL) (bool, error) {
	var attributes *windows.SecurityAttributes
	if acl != nil {
		descriptor, err := windows.NewSecurityDescriptor()
		if err != nil {
			return false, rightsError(path, err)
		}
		err = errors.Join(descriptor.SetDACL(acl, true, false), descriptor.SetControl(windows.SE_DACL_PROTECTED, windows.SE_DACL_PROTECTED))
		if err != nil {
			return false, rightsError(path, err)
		}
		attributes = &windows.SecurityAttributes{SecurityDescriptor: descriptor}
		attributes.Length = uint32(unsafe.Sizeof(*attributes))
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return false, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	handle, err := windows.CreateFile(name, windows.GENERIC_WRITE, share, attributes, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, windows.ERROR_FILE_EXISTS) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, windows.CloseHandle(handle)
}

func rightsError(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("rights of %s: %w", path, err)
}
