package traffic

import (
	"os"
	"path/filepath"
	"testing"
)

// writeWorld writes a world with its ordinary mail and returns its files.
func writeWorld(t *testing.T, w *World, sessions []*Session) []File {
	t.Helper()
	dir := t.TempDir()
	scene, err := w.Write(dir, sessions)
	if err != nil {
		t.Fatal(err)
	}
	for i := range scene.Files {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(scene.Files[i].Path)))
		if err != nil {
			t.Fatal(err)
		}
		scene.Files[i].Data = data
	}
	return scene.Files
}

func TestWorldRows(t *testing.T) {
	for _, exchange := range []bool{false, true} {
		w := NewWorld(WorldOptions{Seed: 1, People: 20, Days: 3, Exchange: exchange})
		sessions := w.Sessions()
		if len(sessions) < 20 {
			t.Errorf("got %d sessions; want 20 at least", len(sessions))
		}
		files := writeWorld(t, w, sessions)
		if exchange {
			readExchange(t, files, frontReceive)
		} else if len(readW3C(t, files)) < 5*len(sessions) {
			t.Errorf("got fewer than five rows a session")
		}
	}
}
