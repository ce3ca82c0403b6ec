package web

import (
	"log/slog"

	"kube-node-manager/services/seal"
)

// clusterKey returns the key of the credentials of imported clusters. Without it the
// program starts all the same: the other clusters do not need it, and the imported ones
// show what is missing.
func (o *Options) clusterKey(log *slog.Logger) seal.Key {
	key, created, err := seal.Load(o.Key, o.KeyFile, o.Data)
	switch {
	case err != nil:
		log.Error("There is no key for the credentials of imported clusters; they cannot be reached", "error", err)
		return seal.Key{}
	case created != "":
		log.Warn("Created a key for the credentials of imported clusters; keep a copy of the file, "+
			"and not together with the backups of the database", "file", created, "key", key.ID())
	default:
		log.Info("Read the key for the credentials of imported clusters", "key", key.ID())
	}
	return key
}
