package web

import (
	"log/slog"

	"kube-node-manager/services/seal"
)

// secretKey returns the key of the secrets in the database: the credentials of imported
// clusters and the second factors. Without it the program starts all the same: most of
// it does not need one, and the rest shows what is missing.
func (o *Options) secretKey(log *slog.Logger) seal.Key {
	key, created, err := seal.Load(o.Key, o.KeyFile, o.Data)
	switch {
	case err != nil:
		log.Error("There is no key for the secrets in the database: imported clusters cannot be reached, "+
			"and second factors cannot be checked", "error", err)
		return seal.Key{}
	case created != "":
		log.Warn("Created a key for the secrets in the database; keep a copy of the file, "+
			"and not together with the backups of the database", "file", created, "key", key.ID())
	default:
		log.Info("Read the key for the secrets in the database", "key", key.ID())
	}
	return key
}
