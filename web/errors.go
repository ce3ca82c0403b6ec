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
	"kube-node-manager/views/ui"
)

// statusClientClosed is nginx's number for a client that went away.
const statusClientClosed = 499

// handlerFunc is a handler as package handlers writes it.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// handle makes an http.Handler of a handler: its error becomes the answer.
func (e *edge) handle(fn handlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := fn(w, r); err != nil {
			e.fail(w, r, err)
		}
	}
}

// statusError is an error whose status says more than its code.
type statusError struct {
	status int
	err    error
	quiet  bool // it comes too often to be logged each time
}

func (s *statusError) Error() string { return s.err.Error() }
func (s *statusError) Unwrap() error { return s.err }

// fail answers a request with an error. It is the only place where an error
// gets a status, words for a person, a log level and its count.
func (e *edge) fail(w http.ResponseWriter, r *http.Request, err error) {
	err = clarify(r, err)
	status := statusOf(err)
	e.metrics.errors.WithLabelValues(string(services.CodeOf(err))).Inc()
	e.logFailure(r, status, err)
	if i := infoFrom(r.Context()); i != nil && i.response.Status() != 0 {
		return // the answer has begun; a second one would only garble it
	}
	if status == statusClientClosed {
		w.WriteHeader(status)
		return
	}
	if err := e.answer(w, r, status, err); err != nil {
		e.log.ErrorContext(r.Context(), "Could not show an error", "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// clarify finds the errors of the layers below that mean something to a person.
func clarify(r *http.Request, err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &statusError{
			status: http.StatusRequestEntityTooLarge,
			err:    services.Wrap(tooLarge, services.CodeInvalid, "error_too_large"),
		}
	}
	// The client's going away cancels what was done for it; only what it did
	// not cause is worth telling.
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return &statusError{status: statusClientClosed, err: err}
	}
	return err
}

// statusOf gives the HTTP status of an error.
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

// logFailure writes what a person is not told. What people get wrong is none of
// an operator's business, what we or a cluster get wrong is.
func (e *edge) logFailure(r *http.Request, status int, err error) {
	level := slog.LevelDebug
	s, ok := errors.AsType[*statusError](err)
	switch {
	case ok && s.quiet:
	case status == http.StatusInternalServerError:
		level = slog.LevelError
	case status > http.StatusInternalServerError:
		level = slog.LevelWarn
	case status == http.StatusForbidden, status == http.StatusTooManyRequests:
		level = slog.LevelInfo
	}
	e.log.Log(r.Context(), level, "Request failed", "method", methodOf(r), "path", shortPath(r),
		"status", status, "code", services.CodeOf(err), "user", userOf(r), "error", err)
}

func userOf(r *http.Request) string {
	if i := infoFrom(r.Context()); i != nil {
		return i.user
	}
	return ""
}

// answer writes the error in the form that was asked for: JSON, the form again,
// a line above the page, or a page.
func (e *edge) answer(w http.ResponseWriter, r *http.Request, status int, err error) error {
	p := ui.NewProblem(r.Context(), err)
	p.Status = status
	if i := infoFrom(r.Context()); i != nil {
		p.RequestID = i.id
	}
	setErrorHeaders(w, status, err)
	// The time of the request may be over, but not that of telling so.
	r = r.WithContext(context.WithoutCancel(r.Context()))
	switch form, isForm := errors.AsType[*handlers.FormError](err); {
	case handlers.WantsJSON(r):
		return handlers.WriteJSON(w, status, newErrorJSON(p))
	case isForm:
		return handlers.Render(w, r, status, form.Form(p))
	case handlers.IsHTMX(r):
		// Wherever the answer was to go: an error belongs above the page.
		w.Header().Set("HX-Retarget", "#flash")
		w.Header().Set("HX-Reswap", "innerHTML")
		return handlers.Render(w, r, status, ui.Flash(*p))
	default:
		return handlers.Render(w, r, status, e.errorPage(r, p))
	}
}

// setErrorHeaders drops what was meant for the answer that did not come.
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

// errorPage gives a page with what stands around every page, as far as the one
// who asks may see that.
func (e *edge) errorPage(r *http.Request, p *ui.Problem) templ.Component {
	if r.Method == http.MethodGet && p.Status >= http.StatusInternalServerError {
		p.RetryURL = r.URL.RequestURI()
	}
	if services.ActorFrom(r.Context()).ID == 0 || e.frame == nil {
		return ui.BareError(*p)
	}
	return ui.ErrorPage(e.frame(r, p.Text), *p)
}

// errorJSON is the answer to a script.
type errorJSON struct {
	Error struct {
		Code      services.Code     `json:"code"`
		Message   string            `json:"message"`
		Hint      string            `json:"hint,omitempty"`
		Fields    map[string]string `json:"fields,omitempty"`
		RequestID string            `json:"requestId,omitempty"`
	} `json:"error"`
}

func newErrorJSON(p *ui.Problem) errorJSON {
	var body errorJSON
	body.Error.Code, body.Error.Message, body.Error.Hint = p.Code, p.Text, p.Hint
	body.Error.Fields, body.Error.RequestID = p.Fields, p.RequestID
	return body
}

// notFound answers addresses without a route.
func (e *edge) notFound(http.ResponseWriter, *http.Request) error {
	return services.NewError(services.CodeNotFound, "error_no_page")
}
