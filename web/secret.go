package web

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Secret is an option whose value must not be seen, given as text or in a file. It becomes
// two flags when it is embedded, here --oidc-client-secret and --oidc-client-secret-file:
//
//	OIDCClient Secret `embed:"" prefix:"oidc-client-" set:"secret=client secret of the provider"`
//
// So the names of all such options end in the same way. Printing an Options or a Secret
// does not show the value.
type Secret struct {
	Text SecretText `name:"secret" help:"The ${secret}; a file is safer." placeholder:"TEXT"`
	File string     `name:"secret-file" help:"File with the ${secret}." placeholder:"FILE"`
}

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.Text != "" || s.File != "" }

// Check returns an error if the two flags do not fit together. name is that of the first.
func (s Secret) Check(name string) error {
	if s.Text != "" && s.File != "" {
		return fmt.Errorf("--%s and --%s-file: set only one of them", name, name)
	}
	return nil
}

// Read returns the value, without the line end at the end of a file. It returns an error
// if the file is empty, and warns if everybody on the machine can read it: in containers,
// that is the default for mounted secrets. name is that of the first flag.
func (s Secret) Read(name string, log *slog.Logger) (string, error) {
	if s.File == "" {
		return string(s.Text), nil
	}
	content, err := os.ReadFile(s.File)
	if err != nil {
		return "", fmt.Errorf("--%s-file: %w", name, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("--%s-file: %s is empty", name, s.File)
	}
	warnOfReaders(name, s.File, log)
	return value, nil
}

// warnOfReaders logs that everybody on the machine can read a file.
func warnOfReaders(name, file string, log *slog.Logger) {
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o007 != 0 {
		log.Warn("Everybody on this machine can read a file with a secret; remove the permissions of others",
			"option", "--"+name+"-file", "file", file, "mode", info.Mode().Perm())
	}
}

// SecretText is a text that is not shown when it is printed.
type SecretText string

const redacted = "[secret]"

// String hides the text.
func (SecretText) String() string { return redacted }

// GoString hides the text.
func (SecretText) GoString() string { return redacted }

// MarshalText hides the text.
func (SecretText) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue hides the text.
func (SecretText) LogValue() slog.Value { return slog.StringValue(redacted) }
