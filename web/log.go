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

// newLog returns the log that the options describe. It writes to w and to the log file, if
// there is one. The caller must close the file, which is nil without --log-file.
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

// contextHandler adds to each line the request that it is about.
type contextHandler struct{ slog.Handler }

// Handle adds the id of the request and the address of its client.
func (h contextHandler) Handle(ctx context.Context, record slog.Record) error {
	if info := infoFrom(ctx); info != nil {
		record = record.Clone()
		record.AddAttrs(slog.String("request_id", info.id), slog.String("client_ip", info.clientIP))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}

// logFile is a log file that can be reopened by name, after log rotation has renamed it.
type logFile struct {
	name string
	mu   sync.Mutex
	file *os.File
}

func openLogFile(name string) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("--log-file: create its directory: %w", err)
	}
	f := &logFile{name: name}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	return f, nil
}

// Write appends a line to the file.
func (f *logFile) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(line)
}

// reopen opens the file again. If that fails, the old file stays in use.
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

// Close closes the file. Later lines are not written to it. A second call does nothing.
func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
