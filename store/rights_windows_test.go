package store

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// everybodyIn tells whether everybody may do something with a file.
func everybodyIn(t *testing.T, path string) bool {
	t.Helper()
	acl, err := aclOf(path)
	if err != nil {
		t.Fatal(err)
	}
	if acl == nil {
		return true
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			t.Fatal(err)
		}
		if isEverybody((*windows.SID)(unsafe.Pointer(&ace.SidStart))) {
			return true
		}
	}
	return false
}

// Neither the store nor what lies beside it can be read by everybody, also where all
// other files of the folder can.
func TestRights(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.txt")
	if err := os.WriteFile(other, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !everybodyIn(t, other) {
		t.Fatal("everybody is kept out of any file of the folder; the test can't tell anything")
	}
	path := filepath.Join(dir, "relaywatch.db")
	db := open(t, path)
	write(t, db, &ingest.Batch{
		Logs:         []ingest.Log{logAt(log1, 1000)},
		Transactions: []mail.Transaction{sent(at(1), t0, "ann@corp.example", "bob@example.org")},
	})
	if err := db.Backup(t.Context(), filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"relaywatch.db", "relaywatch.db-wal", "relaywatch.db-shm", "copy.db"} {
		if everybodyIn(t, filepath.Join(dir, name)) {
			t.Errorf("everybody may read %s; want its owners only", name)
		}
	}
}

// Groups that the folder lets in keep their rights in a file.
func TestInherited(t *testing.T) {
	for _, c := range []struct{ folder, want string }{
		{"D:(A;OICI;FA;;;SY)(A;;FA;;;BO)(A;CI;FR;;;BO)", "D:(A;;FA;;;SY)"},
		{"D:(A;OICI;FA;;;SY)(A;OICI;FR;;;WD)(A;OICI;FR;;;AU)(A;OICI;FR;;;BU)(A;OICI;FR;;;S-1-5-21-1-2-3-513)(A;OICIIO;FA;;;CO)", "D:(A;;FA;;;SY)"},
		{"D:(D;OICI;FW;;;BG)(A;OICIID;FR;;;S-1-5-21-1-2-3-1105)", "D:(D;;FW;;;BG)(A;;FR;;;S-1-5-21-1-2-3-1105)"},
	} {
		descriptor, err := windows.SecurityDescriptorFromString(c.folder)
		if err != nil {
			t.Fatal(err)
		}
		acl, _, err := descriptor.DACL()
		if err != nil {
			t.Fatal(err)
		}
		entries, err := inherited(acl)
		if err != nil {
			t.Fatal(err)
		}
		file, err := windows.ACLFromEntries(entries, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := windows.NewSecurityDescriptor()
		if err != nil {
			t.Fatal(err)
		}
		if err := got.SetDACL(file, true, false); err != nil {
			t.Fatal(err)
		}
		if got.String() != c.want {
			t.Errorf("%s: got %s; want %s", c.folder, got, c.want)
		}
	}
}
