// Package handlers answers the routes of the product: one file per action or
// resource. A handler parses the request, calls a service and renders a view;
// it returns its error to the edge, which alone turns errors into answers. It
// knows nothing of login sessions' storage, of metrics or of the router.
package handlers
