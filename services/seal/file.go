package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FileName is the name of the key file that Load creates in the data directory.
const FileName = "cluster-credentials.key"

// maxFile is more than a key file has, in bytes.
const maxFile = 4096

// Parse reads a key: 32 random bytes in base64. Spaces around it are ignored.
func Parse(text string) (Key, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != KeySize {
		// The text is not quoted: it may be a key with a typing error.
		return Key{}, fmt.Errorf("not a key: it must be %d bytes in base64; make one with: openssl rand -base64 %d",
			KeySize, KeySize)
	}
	return keyOf([KeySize]byte(raw)), nil
}

// ReadFile reads the key in a file.
func ReadFile(file string) (Key, error) {
	info, err := os.Stat(file)
	if err != nil {
		return Key{}, fmt.Errorf("read the key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return Key{}, fmt.Errorf("%s is not a key file", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return Key{}, fmt.Errorf("read the key: %w", err)
	}
	key, err := Parse(string(text))
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// CreateFile writes a new key to a file that does not exist yet, and that only its
// owner may read. If the file exists, the error wraps fs.ErrExist.
func CreateFile(file string) (Key, error) {
	key := NewKey()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return Key{}, fmt.Errorf("create the key file: %w", err)
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key.secret[:]) + "\n")
	// A key that is lost makes everything useless that it has encrypted.
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return Key{}, errors.Join(fmt.Errorf("write the key file: %w", err), os.Remove(file))
	}
	return key, nil
}

// Load returns the key of the program: that of text if there is one, else that of
// file, else that of the key file in the data directory, which is created with a
// new key if it does not exist. created is the name of the created file.
func Load(text, file, data string) (key Key, created string, err error) {
	switch {
	case text != "":
		key, err = Parse(text)
		return key, "", err
	case file != "":
		key, err = ReadFile(file)
		return key, "", err
	}
	file = filepath.Join(data, FileName)
	key, err = ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, "", err
	}
	key, err = CreateFile(file)
	return key, file, err
}
