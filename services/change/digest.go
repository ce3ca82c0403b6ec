package change

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
)

// digestBytes is how much of the hash a digest keeps: enough that no two plans
// that a person compares have the same.
const digestBytes = 16

// Digest sums up changes, so that two plans can be compared by a short text. The
// zero Digest is not ready; see NewDigest.
type Digest struct{ sum hash.Hash }

// NewDigest returns the digest of nothing.
func NewDigest() Digest { return Digest{sum: sha256.New()} }

// Add takes in one value that is part of what is summed up. The order counts.
func (d Digest) Add(values ...any) {
	// A hash never fails to write, and what is added can always be encoded.
	_ = json.NewEncoder(d.sum).Encode(values)
}

// String returns the digest of what was added.
func (d Digest) String() string { return hex.EncodeToString(d.sum.Sum(nil)[:digestBytes]) }
