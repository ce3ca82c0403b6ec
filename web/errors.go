package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/a-h/templ"

	"kube-node-manager/handlers"
	"kube-node-manager/services"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// statusClientClosed is the status that nginx uses for a client that has disconnected.
const statusClientClosed = 499

// handlerFunc is a handler that may return an error instead of writing a response.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// handle returns an http.HandlerFunc that turns an error of fn into a response.
func (e *edge) handle(fn handlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r, end := traceRequest(r)
		err := fn(w, r)
		if err != nil {
			e.fail(w, r, err)
		}
		end(err)
	}
}

// statusError is an error with another status than its code has.
type statusError struct {
	status int
	err    error
	quiet  bool // logged at level DEBUG only, because it is frequent
}

func (s *statusError) Error() string { return s.err.Error() }
func (s *statusError) Unwrap() error { return s.err }

// fail turns an error into the response. It is the only place that decides the status and
// the text of an error, and that logs and counts it.
func (e *edge) fail(w http.ResponseWriter, r *http.Request, err error) {
	err = clarify(r, err)
	status := statusOf(err)
	e.metrics.errors.WithLabelValues(string(services.CodeOf(err))).Inc()
	e.logFailure(r, status, err)
	if i := infoFrom(r.Context()); i != nil && i.response.Status() != 0 {
		return // part of a response has been sent already
	}
	if status == statusClientClosed {
		w.WriteHeader(status)
		return
	}
	if errors.Is(err, store.ErrNotLeading) {
		refresh(w, r) // another replica can show it
	}
	if err := e.answer(w, r, status, err); err != nil {
		e.log.ErrorContext(r.Context(), "Could not show an error", "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// clarify adds a status to errors of other packages that are not internal errors.
func clarify(r *http.Request, err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &statusError{
			status: http.StatusRequestEntityTooLarge,
			err:    services.Wrap(tooLarge, services.CodeInvalid, "error_too_large"),
		}
	}
	// If the client has disconnected, a cancelled call is not an internal error.
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return &statusError{status: statusClientClosed, err: err}
	}
	return err
}

// statusOf returns the HTTP status of an error.
func statusOf(err error) int {
	if s, ok := errors.AsType[*statusError](err); ok {
		return s.status
	}
	switch services.CodeOf(err) {
	case services.CodeInvalid:
		return http.StatusUnprocessableEntity
	case services.CodeUnauthenticated:
		return http.StatusUnauthorized
	case services.CodeForbidden:
		return http.StatusForbidden
	case services.CodeNotFound:
		return http.StatusNotFound
	case services.CodeConflict:
		return http.StatusConflict
	case services.CodeThrottled:
		return http.StatusTooManyRequests
	case services.CodeUnavailable:
		return http.StatusServiceUnavailable
	case services.CodeTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// logFailure logs an error with its cause. The level is low for the mistakes of users, and
// high for errors of the program or of a cluster.
func (e *edge) logFailure(r *http.Request, status int, err error) {
	e.log.Log(r.Context(), failureLevel(status, err), "Request failed", "method", methodOf(r), "path", shortPath(r),
		"status", status, "code", services.CodeOf(err), "user", userName(r), "error", err)
}

func failureLevel(status int, err error) slog.Level {
	s, ok := errors.AsType[*statusError](err)
	switch {
	case ok && s.quiet:
		return slog.LevelDebug
	case status == http.StatusInternalServerError:
		return slog.LevelError
	case status > http.StatusInternalServerError:
		return slog.LevelWarn
	case status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

// userName returns the name of the request's user, or "".
func userName(r *http.Request) string {
	if i := infoFrom(r.Context()); i != nil {
		return i.user
	}
	return ""
}

// answer writes an error as the client expects it: as JSON, as the submitted form again,
// as a message above the page, or as a page.
func (e *edge) answer(w http.ResponseWriter, r *http.Request, status int, err error) error {
	p := ui.NewProblem(r.Context(), err)
	p.Status = status
	if i := infoFrom(r.Context()); i != nil {
		p.RequestID = i.id
	}
	setErrorHeaders(w, status, err)
	// The deadline of the request may be over, but the response must still be rendered.
	r = r.WithContext(context.WithoutCancel(r.Context()))
	form, isForm := errors.AsType[*handlers.FormError](err)
	switch {
	case handlers.WantsJSON(r):
		return handlers.WriteProblem(w, status, p)
	case isForm:
		return handlers.Render(w, r, status, form.Form(p))
	case handlers.IsHTMX(r):
		// Whatever the target of the request was, an error is shown above the page.
		w.Header().Set("HX-Retarget", "#flash")
		w.Header().Set("HX-Reswap", "innerHTML")
		return handlers.Render(w, r, status, ui.Flash(*p))
	default:
		return handlers.Render(w, r, status, e.errorPage(r, p))
	}
}

// setErrorHeaders removes headers that the handler has set for another response, and sets
// those of the error.
func setErrorHeaders(w http.ResponseWriter, status int, err error) {
	for _, name := range []string{"Content-Length", "Content-Encoding", "ETag", "Last-Modified", "Location"} {
		w.Header().Del(name)
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if seconds, ok := services.AsError(err).Args["Seconds"].(int); ok && status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
}

// errorPage returns the page of an error. For a signed-in user it has the frame of all
// pages.
func (e *edge) errorPage(r *http.Request, p *ui.Problem) templ.Component {
	if r.Method == http.MethodGet && p.Status >= http.StatusInternalServerError {
		p.RetryURL = r.URL.RequestURI()
	}
	if services.ActorFrom(r.Context()).ID == 0 || e.frame == nil {
		return ui.BareError(*p)
	}
	return ui.ErrorPage(e.frame(r, p.Text), *p)
}

// notFound handles addresses without a route.
func (e *edge) notFound(http.ResponseWriter, *http.Request) error {
	return services.NewError(services.CodeNotFound, "error_no_page")
}
