package kubeconfig_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/kubeconfig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dialWait = 5 * time.Second

// listen counts the connections to an address of this machine.
func listen(t *testing.T) (address string, connections func() int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var count atomic.Int64
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return l.Addr().String(), count.Load
}

// recorder records the addresses of a guard.
type recorder struct {
	mu    sync.Mutex
	tried []netip.AddrPort
}

func (r *recorder) dialed(at netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried = append(r.tried, at)
}

func (r *recorder) addresses() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.tried {
		all = append(all, at.Addr().String())
	}
	return all
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestGuard_Check(t *testing.T) {
	for name, tt := range map[string]struct {
		networks         []netip.Prefix
		allowed, refused []string
	}{
		"by default": {
			nil,
			[]string{"10.0.0.1", "172.16.0.1", "192.168.1.1", "203.0.113.1", "2001:db8::1", "fd12::1", "::ffff:10.0.0.1"},
			[]string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"},
		},
		"one network": {
			prefixes("10.0.0.0/8"), []string{"10.1.2.3", "::ffff:10.1.2.3"}, []string{"11.0.0.1", "127.0.0.1", "::1", "fd12::1"},
		},
		"loopback":   {prefixes("127.0.0.0/8", "::1/128"), []string{"127.0.0.1", "::1"}, []string{"10.0.0.1"}},
		"everything": {prefixes("0.0.0.0/0", "::/0"), []string{"127.0.0.1", "8.8.8.8", "::1", "2001:db8::1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := kubeconfig.Guard{Networks: tt.networks}
			for _, ip := range tt.allowed {
				require.NoError(t, g.Check(netip.MustParseAddr(ip)), ip)
			}
			always := []string{
				"169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "0.0.0.0",
				"::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
				"2002:a9fe:a9fe::", "::a9fe:a9fe", "168.63.129.16", "192.0.0.192", "fd20:ce::254", "2001::1",
			}
			for _, ip := range append(always, tt.refused...) {
				require.Equal(t, services.CodeForbidden, services.CodeOf(g.Check(netip.MustParseAddr(ip))), ip)
			}
			require.Error(t, g.Check(netip.Addr{}))
		})
	}
}

// version asks a server for its version through a guard.
func version(t *testing.T, address string, g kubeconfig.Guard) error {
	t.Helper()
	access := kubeconfig.Access{Server: address, Token: "abc", Insecure: true}
	client, err := kube.New(access.Config(g), "test", nil)
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Version(t.Context())
	return err
}

func TestGuard_refusesLoopback(t *testing.T) {
	address, connections := listen(t)
	t.Setenv("HTTPS_PROXY", "http://"+address)
	t.Setenv("NO_PROXY", "")
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for _, host := range []string{address, "localhost:" + port, "[::ffff:127.0.0.1]:" + port} {
		err = version(t, "https://"+host, kubeconfig.Guard{})
		require.Equal(t, "error_cluster_guard", services.AsError(err).Text, host)
	}
	require.Zero(t, connections())
}

// A server that an administrator has allowed must not send a client elsewhere.
func TestGuard_followsNoRedirect(t *testing.T) {
	var asked atomic.Int64
	target := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer target.Close()
	for name, to := range map[string]string{
		"metadata": "http://169.254.169.254/latest/meta-data/", "same machine": target.URL, "relative": "/other",
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewTLSServer(http.RedirectHandler(to, http.StatusTemporaryRedirect))
			defer s.Close()
			var r recorder
			err := version(t, s.URL, kubeconfig.Guard{Networks: prefixes("127.0.0.0/8"), Dialed: r.dialed})
			require.Equal(t, "error_cluster_redirect", services.AsError(err).Text)
			require.Equal(t, []string{"127.0.0.1"}, r.addresses())
		})
	}
	require.Zero(t, asked.Load())
}

// A name that stands for another address after the first connection is checked again.
func TestGuard_checksAfterNamesChange(t *testing.T) {
	answers := make(chan netip.Addr, 1)
	resolver := resolve(t, answers)
	address, connections := listen(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	var r recorder
	g := kubeconfig.Guard{Networks: prefixes("127.0.0.0/8"), Dialed: r.dialed, Resolver: resolver}

	answers <- netip.MustParseAddr("127.0.0.1")
	conn, err := g.DialContext(t.Context(), "tcp4", "cluster.example.:"+port)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	answers <- netip.MustParseAddr("169.254.169.254")
	_, err = g.DialContext(t.Context(), "tcp4", "cluster.example.:"+port)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	require.Equal(t, []string{"127.0.0.1", "169.254.169.254"}, r.addresses())
	require.Eventually(t, func() bool { return connections() == 1 }, dialWait, dialWait/100)
}

// resolve returns a resolver that answers each question with the next address.
func resolve(t *testing.T, answers <-chan netip.Addr) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		question := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(question)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(answer(question[:n], <-answers), from)
		}
	})
	t.Cleanup(func() {
		_ = server.Close()
		running.Wait()
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", server.LocalAddr().String())
	}}
}

// answer returns the answer to a question of the DNS: one address.
func answer(question []byte, ip netip.Addr) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5 // the root, the type and the class
	out := append([]byte{}, question[:end]...)
	copy(out[2:], []byte{0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0}) // an authoritative answer with one record
	out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	address := ip.As4()
	return append(out, address[:]...)
}

// The configuration holds no field that reads a file or starts a program.
func TestAccess_Config(t *testing.T) {
	access := kubeconfig.Access{
		Server: "https://a", ServerName: "b", CA: []byte("c"), Token: "d", Cert: []byte("e"), Key: []byte("f"),
		Insecure: true,
	}
	c := access.Config(kubeconfig.Guard{})
	require.NotNil(t, c.Dial)
	require.NotNil(t, c.Proxy)
	require.NotNil(t, c.WrapTransport)
	c.Dial, c.Proxy, c.WrapTransport = nil, nil, nil
	require.Equal(t, &rest.Config{
		Host: "https://a", BearerToken: "d",
		TLSClientConfig: rest.TLSClientConfig{
			Insecure: true, ServerName: "b", CAData: []byte("c"), CertData: []byte("e"), KeyData: []byte("f"),
		},
	}, c)
}
