package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
)

// KeySource is where the key for the secrets in the database is: in Text, else in File, else
// in the data directory.
type KeySource struct{ Text, File string }

// CopiedDatabase is what CopyDatabase has done.
type CopiedDatabase struct {
	Tables  []store.Copied
	KeyFile string // which all replicas need; "" if the key is in the environment, or there is none
}

// CopyDatabase copies the database in the directory data into the empty PostgreSQL database
// with an address; see store.CopyToPostgres. The secrets in it stay under their key, which
// the replicas need.
func CopyDatabase(
	ctx context.Context, data, address string, source KeySource, log *slog.Logger,
) (done CopiedDatabase, err error) {
	key, file, err := presentKey(source, data)
	if err != nil {
		return done, err
	}
	fits := func(id string) error {
		if id == key.ID() {
			return nil
		}
		return fmt.Errorf("there are secrets in the database under the key %s, which is not here: set --key-file or KNM_KEY "+
			"as the server has it", id)
	}
	done.KeyFile = file
	done.Tables, err = store.CopyToPostgres(commandLine(ctx), data, address, fits, log)
	return done, err
}

// presentKey returns the key and the file that has it. Unlike a server, it creates none.
func presentKey(source KeySource, data string) (key seal.Key, file string, err error) {
	switch {
	case source.Text != "":
		key, err = seal.Parse(source.Text)
		return key, "", err
	case source.File != "":
		key, err = seal.ReadFile(source.File)
		return key, source.File, err
	}
	file = filepath.Join(data, seal.FileName)
	key, err = seal.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return seal.Key{}, "", nil
	}
	return key, file, err
}
