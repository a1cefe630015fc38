package ingest

import (
	"os"

	"github.com/nxadm/tail/winfile"
)

// openShared opens a log so that its server may write, rename and delete it
// meanwhile: os.Open does not share the right to delete.
func openShared(path string) (*os.File, error) { return winfile.OpenFile(path, os.O_RDONLY, 0) }
