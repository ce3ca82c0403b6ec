package web

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5/middleware"
)

// info is what the middleware knows about a request. The inner handlers set its fields,
// and the outer ones read them when the response has been written.
type info struct {
	id       string
	clientIP string
	agent    string // User-Agent, of a bounded length
	user     string // "" if not signed in
	response middleware.WrapResponseWriter
}

type infoKey struct{}

func withInfo(r *http.Request, i *info) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), infoKey{}, i))
}

// infoFrom returns the info of the request of ctx, or nil outside of a request.
func infoFrom(ctx context.Context) *info {
	i, _ := ctx.Value(infoKey{}).(*info)
	return i
}
