package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// newLog makes the log of the options: to w, and to the log file when there is
// one. The caller closes the file, which is nil without one.
func newLog(o *Options, w io.Writer) (*slog.Logger, *logFile, error) {
	if o.LogFile == "" {
		return slog.New(contextHandler{newHandler(o, w)}), nil, nil
	}
	file, err := openLogFile(o.LogFile)
	if err != nil {
		return nil, nil, err
	}
	both := slog.NewMultiHandler(newHandler(o, w), newHandler(o, file))
	return slog.New(contextHandler{both}), file, nil
}

func newHandler(o *Options, w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: o.LogLevel}
	if o.LogFormat == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

// contextHandler adds to each line which request it belongs to.
type contextHandler struct{ slog.Handler }

// Handle adds the request's number and its client's address.
func (h contextHandler) Handle(ctx context.Context, record slog.Record) error {
	if info := infoFrom(ctx); info != nil {
		record = record.Clone()
		record.AddAttrs(slog.String("request_id", info.id), slog.String("client_ip", info.clientIP))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs keeps the wrapping; so does WithGroup.
func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup is slog.Handler's.
func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}

// logFile is a file that is appended to and can be opened again under its name,
// after somebody has renamed it to keep it.
type logFile struct {
	name string
	mu   sync.Mutex
	file *os.File
}

func openLogFile(name string) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("--log-file: make its directory: %w", err)
	}
	f := &logFile{name: name}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	return f, nil
}

// Write appends one line.
func (f *logFile) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(line)
}

// reopen keeps writing to the old file when the new one cannot be opened.
func (f *logFile) reopen() error {
	next, err := os.OpenFile(f.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("--log-file: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.file
	f.file = next
	if old != nil {
		return old.Close()
	}
	return nil
}

// Close closes the file. Lines that come later are lost to it, not an error.
func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
