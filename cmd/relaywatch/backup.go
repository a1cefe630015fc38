package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"relaywatch/store"
)

func (p *program) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the store as of one moment, also while it is written",
		Long: "backup copies the store to a new file. The copy is a store like any other: name it\n" +
			"with --db to query it, or put it in the place of a store that was lost, after taking\n" +
			"away what lies beside that (-wal, -shm). Logs are then read on from where they stood.",
		Args: only(1, "one argument, the file to make"),
		RunE: func(c *cobra.Command, args []string) error {
			db, err := store.OpenReadOnly(c.Context(), p.config.Store.Path)
			if err != nil {
				return err
			}
			defer db.Close()
			if err := db.Backup(c.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(p.out, "copied %s to %s\n", visible(p.config.Store.Path), visible(args[0]))
			return nil
		},
	}
}
