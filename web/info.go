package web

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5/middleware"
)

// info is what the middleware knows of one request. The inner layers fill it in
// and the outer ones read it when the answer is on its way.
type info struct {
	id       string
	clientIP string
	user     string // who asks; "" while nobody is signed in
	response middleware.WrapResponseWriter
}

type infoKey struct{}

func withInfo(r *http.Request, i *info) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), infoKey{}, i))
}

// infoFrom gives the request's info, or nil outside of a request.
func infoFrom(ctx context.Context) *info {
	i, _ := ctx.Value(infoKey{}).(*info)
	return i
}
