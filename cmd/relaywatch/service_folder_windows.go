package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Who may do what in the folder of the store, and with the files in it (SDDL):
// system and administrators all, the account of the service all but change rights.
const (
	folderRights  = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	accountRights = "(A;OICI;0x1301bf;;;%s)"
)

// makeStoreFolder makes a folder that others can't enter. One that is there stays as
// it is.
func makeStoreFolder(dir, account string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	rights := folderRights
	if account != "" && !strings.EqualFold(account, "LocalSystem") {
		sid, _, _, err := windows.LookupSID("", account)
		if err != nil {
			return fmt.Errorf("look up account %s: %w", account, err)
		}
		rights += fmt.Sprintf(accountRights, sid)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return fmt.Errorf("make the folder of the store: %w", err)
	}
	descriptor, err := windows.SecurityDescriptorFromString(rights)
	if err != nil {
		return fmt.Errorf("rights of the folder of the store: %w", err)
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	attributes := &windows.SecurityAttributes{SecurityDescriptor: descriptor}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	if err := windows.CreateDirectory(name, attributes); err != nil {
		return fmt.Errorf("make the folder of the store %s: %w", dir, err)
	}
	return nil
}
