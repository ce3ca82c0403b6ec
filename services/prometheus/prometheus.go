// Package prometheus asks a Prometheus server a query. The address is one that a person
// has entered, so connections are made only to addresses that a kubeconfig.Guard allows,
// redirects are not followed, and the answer is bounded.
package prometheus

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"kube-node-manager/services"
	"kube-node-manager/services/kubeconfig"
)

const (
	timeout   = 10 * time.Second
	maxAnswer = 1 << 20 // bytes
	maxHeader = 64 << 10
)

// Client asks servers. It is safe for concurrent use.
type Client struct{ guard kubeconfig.Guard }

// New returns a client that connects only to addresses in these networks, if there are any;
// see kubeconfig.Guard.
func New(networks []netip.Prefix) *Client { return &Client{kubeconfig.Guard{Networks: networks}} }

// Highest returns the highest value of a query's answer at this moment. A value that is
// not a number counts as infinite: nothing is known to be below it.
//
// Errors: CodeUnavailable says what is wrong with the server, CodeInvalid what with the
// query.
func (c *Client) Highest(ctx context.Context, address, query string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	transport := c.transport()
	defer transport.CloseIdleConnections()
	client, err := api.NewClient(api.Config{Address: address, Client: &http.Client{
		Transport: bounded{transport}, CheckRedirect: stay,
	}})
	if err != nil {
		return 0, services.Wrap(err, services.CodeInvalid, "error_prometheus_unreachable")
	}
	answer, _, _, err := v1.NewAPI(client).Query(ctx, query, time.Time{})
	if err != nil {
		return 0, explain(err)
	}
	return highest(answer)
}

// transport returns a transport without a proxy, which would connect in our place, past
// the guard.
func (c *Client) transport() *http.Transport {
	return &http.Transport{
		DialContext: c.guard.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// stay is a policy for http.Client that follows no redirect.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// bounded returns an error instead of more than maxAnswer bytes of an answer.
type bounded struct{ next http.RoundTripper }

var errTooLong = errors.New("the answer is too long")

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &body{answer.Body, maxAnswer}
	return answer, nil
}

type body struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	if b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// explain returns what a person has to know of an error. It never contains the address:
// that is known, and may name what others must not see in a log.
func explain(err error) error {
	if refused, ok := errors.AsType[*services.Error](err); ok {
		return services.NewError(services.CodeUnavailable, "error_prometheus_guard", "Address", refused.Args["Address"])
	}
	failed, answered := errors.AsType[*v1.Error](err)
	switch {
	case errors.Is(err, errTooLong):
		return services.NewError(services.CodeUnavailable, "error_prometheus_long")
	case answered && failed.Type == v1.ErrBadData:
		return services.NewError(services.CodeInvalid, "error_prometheus_query", "Message", services.Clip(failed.Msg))
	case answered:
		return services.NewError(services.CodeUnavailable, "error_prometheus_answer", "Message", services.Clip(failed.Msg))
	case errors.Is(err, context.DeadlineExceeded):
		return services.NewError(services.CodeUnavailable, "error_prometheus_timeout")
	default:
		return services.NewError(services.CodeUnavailable, "error_prometheus_unreachable")
	}
}

// highest returns the highest value of an answer.
func highest(answer model.Value) (float64, error) {
	switch found := answer.(type) {
	case *model.Scalar:
		return number(found.Value), nil
	case model.Vector:
		if len(found) == 0 {
			return 0, services.NewError(services.CodeInvalid, "error_prometheus_empty")
		}
		most := math.Inf(-1)
		for _, sample := range found {
			if sample.Histogram != nil {
				return 0, services.NewError(services.CodeInvalid, "error_prometheus_type")
			}
			most = max(most, number(sample.Value))
		}
		return most, nil
	default:
		return 0, services.NewError(services.CodeInvalid, "error_prometheus_type")
	}
}

func number(v model.SampleValue) float64 {
	if math.IsNaN(float64(v)) {
		return math.Inf(1)
	}
	return float64(v)
}
