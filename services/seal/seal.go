// Package seal encrypts credentials that are stored in the database.
//
// A secret is encrypted with AES-256-GCM under a random key of its own, the data key.
// The data key is encrypted in the same way under the key of a Keyring. So a new key
// is brought into use by Rewrap, which changes the encrypted data keys only. What the
// secret belongs to is authenticated with it: a secret that was copied to another
// row, or from an older version of its row, cannot be opened.
//
// Keys are never written next to what they protect. A backup of the database is
// useless without the key, and the key is useless without the database.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"kube-node-manager/services"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Key encrypts the data keys. It does not show itself in logs and formats.
type Key struct {
	id     string
	secret [KeySize]byte
}

// NewKey returns a random key.
func NewKey() Key {
	var secret [KeySize]byte
	_, _ = rand.Read(secret[:]) // it never fails
	return keyOf(secret)
}

// keyOf returns the key with the given secret. The id tells keys apart and is no
// secret; the secret cannot be found from it.
func keyOf(secret [KeySize]byte) Key {
	sum := sha256.Sum256(append([]byte("kube-node-manager key id\x00"), secret[:]...))
	return Key{id: hex.EncodeToString(sum[:6]), secret: secret}
}

// ID identifies the key. It is stored with everything that the key encrypts.
func (k Key) ID() string { return k.id }

// Format implements fmt.Formatter, so that no format shows the secret.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "key "+k.id) }

// LogValue implements slog.LogValuer.
func (k Key) LogValue() slog.Value { return slog.StringValue("key " + k.id) }

// Sealed is an encrypted secret, as it is stored.
type Sealed struct {
	KeyID string // of the key that encrypts DataKey
	// DataKey and Secret are a nonce followed by the ciphertext.
	DataKey []byte
	Secret  []byte
}

// Subject is what a secret belongs to. It is authenticated, not encrypted.
type Subject struct {
	kind    string // "" for a cluster
	id      int64
	version int64
}

// OfCluster returns the subject of a version of a cluster's credentials.
func OfCluster(id, version int64) Subject { return Subject{id: id, version: version} }

// OfUser returns the subject of the second factor that a user has had since a time, in
// milliseconds.
func OfUser(id, since int64) Subject { return Subject{kind: "user", id: id, version: since} }

// OfHook returns the subject of the address and the secret of a webhook.
func OfHook(id int64) Subject { return Subject{kind: "hook", id: id} }

// associated returns the associated data of a part of a sealed secret.
func (s Subject) associated(part string) []byte {
	parts := []any{"kube-node-manager", part, s.id, s.version}
	if s.kind != "" {
		parts = append(parts, s.kind)
	}
	raw, err := json.Marshal(parts)
	if err != nil {
		panic("seal: cannot encode the associated data: " + err.Error()) // impossible for plain values
	}
	return raw
}

// Seal encrypts a secret.
func (k Key) Seal(subject Subject, secret []byte) (Sealed, error) {
	data := NewKey()
	sealed, err := encrypt(data.secret, subject.associated("secret"), secret)
	if err != nil {
		return Sealed{}, err
	}
	return k.wrap(subject, data, sealed)
}

// wrap encrypts the data key of a secret.
func (k Key) wrap(subject Subject, data Key, secret []byte) (Sealed, error) {
	wrapped, err := encrypt(k.secret, subject.associated("key "+k.id), data.secret[:])
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{KeyID: k.id, DataKey: wrapped, Secret: secret}, nil
}

// Open decrypts a secret.
//
// Errors: CodeUnavailable if it was sealed with another key or has been changed.
func (k Key) Open(subject Subject, s Sealed) ([]byte, error) {
	data, err := k.unwrap(subject, s)
	if err != nil {
		return nil, err
	}
	secret, err := decrypt(data.secret, subject.associated("secret"), s.Secret)
	if err != nil {
		return nil, services.Wrap(err, services.CodeUnavailable, "error_seal_damaged")
	}
	return secret, nil
}

func (k Key) unwrap(subject Subject, s Sealed) (Key, error) {
	if k.id == "" {
		return Key{}, services.NewError(services.CodeUnavailable, "error_seal_no_key", "Key", s.KeyID)
	}
	if s.KeyID != k.id {
		return Key{}, services.NewError(services.CodeUnavailable, "error_seal_other_key", "Key", s.KeyID, "Have", k.id)
	}
	secret, err := decrypt(k.secret, subject.associated("key "+k.id), s.DataKey)
	if err != nil || len(secret) != KeySize {
		return Key{}, services.Wrap(err, services.CodeUnavailable, "error_seal_damaged")
	}
	return keyOf([KeySize]byte(secret)), nil
}

// Rewrap returns a secret that k has sealed as one that the key to has sealed. The
// secret itself is not decrypted.
//
// Errors: as of Open.
func (k Key) Rewrap(subject Subject, s Sealed, to Key) (Sealed, error) {
	data, err := k.unwrap(subject, s)
	if err != nil {
		return Sealed{}, err
	}
	return to.wrap(subject, data, s.Secret)
}

func encrypt(key [KeySize]byte, associated, plain []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nil, plain, associated), nil
}

func decrypt(key [KeySize]byte, associated, sealed []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nil, sealed, associated)
	if err != nil {
		return nil, errors.New("the ciphertext or what it belongs to has been changed")
	}
	return plain, nil
}

// newGCM returns AES-GCM with a random nonce in front of each ciphertext. A key
// encrypts far fewer than the 2^32 texts for which random nonces are safe.
func newGCM(key [KeySize]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("set up AES: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
