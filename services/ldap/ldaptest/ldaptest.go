// Package ldaptest is a directory for tests, on the loopback address. It has real
// connections, TLS and filters, and keeps its entries in memory.
package ldaptest

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"
	"github.com/stretchr/testify/require"
)

// The account that may search.
const (
	SearcherDN       = "cn=knm,ou=services,dc=example,dc=com"
	SearcherPassword = "the password of the account that searches"
)

// Entry is an entry of the directory. Whoever has a password may bind.
type Entry struct {
	DN         string
	Password   string
	Attributes map[string][]string
}

// Server is a directory. Its methods are safe for concurrent use.
type Server struct {
	CAFile string // the certificate to trust, as PEM

	tls      credentials
	mu       sync.Mutex
	entries  []Entry
	binds    []string // the names of all binds
	searches []string // the filters of all searches
	bound    map[int]string
	code     int // of every search, if it is not 0
}

// New returns a directory with entries that listens nowhere yet.
func New(t testing.TB, entries ...Entry) *Server {
	t.Helper()
	s := &Server{bound: map[int]string{}}
	s.tls, s.CAFile = newCredentials(t)
	s.entries = append(entries, Entry{DN: SearcherDN, Password: SearcherPassword})
	return s
}

// Listen serves the directory until the test ends, with TLS or with StartTLS, and returns
// the URL.
func (s *Server) Listen(t testing.TB, withTLS bool) string {
	t.Helper()
	server, err := gldap.NewServer(gldap.WithLogger(hclog.NewNullLogger()))
	require.NoError(t, err)
	require.NoError(t, server.Router(s.mux(t)))
	address, scheme, options := freeAddress(t), "ldap://", []gldap.Option(nil)
	if withTLS {
		scheme, options = "ldaps://", []gldap.Option{gldap.WithTLSConfig(s.tls.config())}
	}
	url, ended := scheme+address, make(chan error, 1)
	go func() { ended <- server.Run(address, options...) }()
	t.Cleanup(func() {
		s.await(t, url)
		require.NoError(t, server.Stop())
		require.NoError(t, <-ended)
	})
	require.Eventually(t, server.Ready, time.Minute, time.Millisecond)
	return url
}

// await returns when the server has accepted all connections: gldap counts them as it does,
// which must not happen while it stops.
func (s *Server) await(t testing.TB, url string) {
	t.Helper()
	c, err := ldap.DialURL(url, ldap.DialWithTLSConfig(s.tls.clientConfig(t)))
	require.NoError(t, err)
	require.NoError(t, c.UnauthenticatedBind(SearcherDN))
	require.NoError(t, c.Close())
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func (s *Server) mux(t testing.TB) *gldap.Mux {
	t.Helper()
	mux, err := gldap.NewMux()
	require.NoError(t, err)
	require.NoError(t, mux.Bind(s.bind))
	require.NoError(t, mux.Search(s.search))
	require.NoError(t, mux.ExtendedOperation(s.startTLS, gldap.ExtendedOperationStartTLS))
	return mux
}

// Set replaces an entry, or adds it.
func (s *Server) Set(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(slices.DeleteFunc(s.entries, func(old Entry) bool { return old.DN == e.DN }), e)
}

// FailSearches makes every search fail with a result code; 0 ends that.
func (s *Server) FailSearches(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = code
}

// Log returns the names of all binds and the filters of all searches so far.
func (s *Server) Log() (binds, searches []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.binds), slices.Clone(s.searches)
}

func (s *Server) bind(w *gldap.ResponseWriter, r *gldap.Request) {
	answer := r.NewBindResponse(gldap.WithResponseCode(gldap.ResultInvalidCredentials))
	defer func() { _ = w.Write(answer) }() // the client has gone
	m, err := r.GetSimpleBindMessage()
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.binds = append(s.binds, m.UserName)
	if m.Password == "" { // as real directories do: a bind without a password succeeds
		s.bound[r.ConnectionID()] = ""
		answer.SetResultCode(gldap.ResultSuccess)
		return
	}
	for _, e := range s.entries {
		if strings.EqualFold(e.DN, m.UserName) && e.Password == string(m.Password) {
			s.bound[r.ConnectionID()] = e.DN
			answer.SetResultCode(gldap.ResultSuccess)
		}
	}
}

// search answers the account that may search, and nobody else.
func (s *Server) search(w *gldap.ResponseWriter, r *gldap.Request) {
	answer := r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultInsufficientAccessRights))
	defer func() { _ = w.Write(answer) }() // the client has gone
	m, err := r.GetSearchMessage()
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.searches = append(s.searches, m.Filter)
	if s.bound[r.ConnectionID()] != SearcherDN {
		return
	}
	if s.code != 0 {
		answer.SetResultCode(s.code)
		return
	}
	answer.SetResultCode(s.find(m, func(e Entry) {
		found := r.NewSearchResponseEntry(e.DN)
		for name, values := range e.Attributes {
			if slices.Contains(m.Attributes, name) {
				found.AddAttribute(name, values)
			}
		}
		_ = w.Write(found) // the client has gone
	}))
}

// find calls send with the entries that a search finds, and returns its result.
func (s *Server) find(m *gldap.SearchMessage, send func(e Entry)) (code int) {
	filter, err := ldap.CompileFilter(m.Filter)
	if err != nil {
		return gldap.ResultProtocolError
	}
	sent := int64(0)
	for _, e := range s.entries {
		if !strings.HasSuffix(strings.ToLower(e.DN), strings.ToLower(m.BaseDN)) || !matches(filter, e) {
			continue
		}
		if sent == m.SizeLimit && m.SizeLimit > 0 {
			return gldap.ResultSizeLimitExceeded
		}
		sent++
		send(e)
	}
	return gldap.ResultSuccess
}

// matches evaluates a filter.
func matches(filter *ber.Packet, e Entry) bool {
	part := func(i int) string { return filter.Children[i].Data.String() }
	child := func(c *ber.Packet) bool { return matches(c, e) }
	switch filter.Tag {
	case ldap.FilterAnd:
		return !slices.ContainsFunc(filter.Children, func(c *ber.Packet) bool { return !child(c) })
	case ldap.FilterOr:
		return slices.ContainsFunc(filter.Children, child)
	case ldap.FilterNot:
		return !child(filter.Children[0])
	case ldap.FilterPresent:
		return len(e.Attributes[filter.Data.String()]) > 0
	case ldap.FilterEqualityMatch:
		return slices.ContainsFunc(e.Attributes[part(0)], func(v string) bool { return strings.EqualFold(v, part(1)) })
	default:
		return false
	}
}

func (s *Server) startTLS(w *gldap.ResponseWriter, r *gldap.Request) {
	answer := r.NewExtendedResponse(gldap.WithResponseCode(gldap.ResultSuccess))
	answer.SetResponseName(gldap.ExtendedOperationStartTLS)
	if w.Write(answer) == nil {
		_ = r.StartTLS(s.tls.config()) // the client notices
	}
}
