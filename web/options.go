package web

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"kube-node-manager/handlers"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/ui"
)

// Options are the settings of the program. The tags define the flags of the command line,
// whose defaults are also those of DefaultOptions. OptionHelp has the help texts that
// are too long for a tag.
type Options struct {
	Listen string `help:"Address to listen on." default:"127.0.0.1:8080"`
	Data   string `help:"Directory of the database; created if it does not exist." default:"./data"`

	Database    string `help:"${help_database}" placeholder:"URL"`
	ReplicaAddr string `help:"${help_replica_addr}" default:"127.0.0.1:0"`

	Kubeconfig string   `help:"${help_kubeconfig}" placeholder:"FILES"`
	Contexts   []string `name:"context" help:"Contexts of the kubeconfig to use; all by default." placeholder:"NAME"`

	KeyFile         string         `help:"${help_key_file}" placeholder:"FILE"`
	ClusterNetworks []netip.Prefix `help:"${help_cluster_networks}" placeholder:"CIDR"`
	WebhookNetworks []netip.Prefix `help:"${help_webhook_networks}" placeholder:"CIDR"`

	PublicURL      string         `help:"${help_public_url}" placeholder:"URL"`
	TrustedProxies []netip.Prefix `help:"${help_trusted_proxies}" placeholder:"CIDR"`
	AllowedHosts   []string       `help:"${help_allowed_hosts}" placeholder:"HOST"`
	TLSCert        string         `help:"${help_tls_cert}" placeholder:"FILE"`
	TLSKey         string         `help:"File with the private key of --tls-cert, as PEM." placeholder:"FILE"`
	RedirectAddr   string         `help:"${help_redirect_addr}" placeholder:"HOST:PORT"`
	InsecureHTTP   bool           `help:"Listen for other machines without TLS: passwords are sent in plain text."`
	HSTSSubdomains bool           `help:"Tell browsers that all subdomains of --public-url have HTTPS."`

	LogFile   string     `help:"Also write the log to this file; reopened on SIGHUP." placeholder:"FILE"`
	LogFormat string     `help:"Format of the log: ${enum}." enum:"text,json" default:"text"`
	LogLevel  slog.Level `help:"Lowest level to log: debug, info, warn, error." default:"info"`

	SessionLifetime time.Duration `help:"Time after which everybody must sign in again." default:"12h"`
	SessionIdle     time.Duration `help:"Time without a request after which a user must sign in again." default:"30m"`

	SignOnOptions

	UserRate    int `help:"${help_user_rate}" default:"100"`
	UserStreams int `help:"${help_user_streams}" default:"64"`

	Resume bool `help:"Continue interrupted batches at start, where that is safe." default:"true" negatable:""`

	SyncLimit int           `help:"Most nodes of a batch that may be answered in the same request." default:"5"`
	SyncWait  time.Duration `help:"Longest wait for such a batch before its progress is shown." default:"2s"`

	GuardShare int `help:"${help_guard_share}" default:"20"`
	GuardNodes int `help:"Fewest nodes to which --guard-share applies." default:"10"`

	Protect       []string `help:"${help_protect}" placeholder:"PATTERN"`
	UsersMayDrain bool     `help:"Let users drain nodes; by default only administrators may."`

	ActAsUser   []string `help:"${help_act_as_user}" placeholder:"CLUSTER"`
	ActAsPrefix string   `help:"Prefix of the names of users and groups in these clusters, such as oidc:."`
	ActAsGroup  []string `help:"Groups of the identity provider that are passed on to these clusters." placeholder:"GROUP"`

	ListTTL   time.Duration `help:"Time for which a node list is fresh." default:"30s"`
	DetailTTL time.Duration `help:"Time for which the pods on the page of a node are fresh." default:"5m"`
	HardAge   time.Duration `help:"Age above which a list is never shown." default:"5m"`

	RetainBatches int `help:"Days to keep a batch after its end; 0 means forever." default:"90"`
	RetainAudit   int `help:"Days to keep an entry of the audit log; 0 means forever." default:"90"`

	MetricsAddr   string `help:"${help_metrics_addr}" placeholder:"HOST:PORT"`
	PublicMetrics bool   `help:"${help_public_metrics}"`
	PprofAddr     string `help:"${help_pprof_addr}" placeholder:"HOST:PORT"`
	OTLPEndpoint  string `help:"${help_otlp_endpoint}" placeholder:"URL"`

	Key     string       `kong:"-"` // that of KeyFile in base64, in its place
	Version string       `kong:"-"` // of the program
	Output  io.Writer    `kong:"-"` // for what the person who starts the program must read; nil discards it
	Log     *slog.Logger `kong:"-"` // replaces the log that the options above describe

	// For tests.
	now              func() time.Time // for sessions, retention, certificates and webhooks; nil means time.Now
	certificateEvery time.Duration    // replaces the constant of the same name
}

// OptionHelp returns the help texts that the tags of Options refer to.
func OptionHelp() map[string]string {
	help := map[string]string{
		"help_kubeconfig": "Kubeconfig files, separated as in PATH. " +
			"Default: KUBECONFIG, the cluster in which the program runs, or ~/.kube/config.",
		"help_database": "PostgreSQL database in place of the file in --data, such as " +
			"postgres://user:password@host/database. Several replicas of the program may share it. Needs --key-file or KNM_KEY.",
		"help_replica_addr": "Address of this replica on which it takes the requests that " +
			"the other replicas forward to it. They must reach it: in Kubernetes it is the IP of the pod, with a port.",
		"help_key_file": "File with the key that encrypts the secrets in the database: 32 bytes in base64. " +
			"Or its content in KNM_KEY. Default: a file in the data directory, which is created.",
		"help_cluster_networks": "Networks in which the API servers of imported clusters, and Prometheus servers, may be. " +
			"Default: all but the loopback address. Metadata and link-local addresses are never allowed.",
		"help_webhook_networks": "Networks with private or loopback addresses to which webhooks may lead. " +
			"Default: none. Metadata and link-local addresses are never allowed.",
		"help_public_url": "Address that people open in the browser, also with a path. " +
			"Needed behind a proxy; with https, cookies are marked as secure.",
		"help_trusted_proxies": "Networks of the proxies whose X-Forwarded-For is trusted, such as 10.0.0.5/32.",
		"help_allowed_hosts":   "Further host names of the program, besides localhost and that of --public-url.",
		"help_tls_cert": "File with the TLS certificate and its intermediates, as PEM. " +
			"Read again when it changes. Without it, the program speaks HTTP.",
		"help_redirect_addr": "Second address, on which browsers are redirected from HTTP to --public-url; needs --tls-cert.",
		"help_user_rate": "Requests per second of one user, in bursts of up to ten times as many; " +
			"a quarter of it for changes and plans. 0 means no limit.",
		"help_user_streams": "Open event streams of one user; a further one closes the oldest. 0 means no limit.",
		"help_guard_share": "Percentage of a cluster's nodes above which " +
			"a cordon, a drain or a repelling taint shows its plan first.",
		"help_protect": "Labels and taints that replace and copy never change, " +
			"besides those of Kubernetes, clouds and controllers: a key, or domain/* with its subdomains. " +
			"With ! in front they are not protected.",
		"help_act_as_user": "Clusters in which changes are made in the name of the user, by impersonation, " +
			"so that their RBAC and audit log know the user. * means all.",
		"help_metrics_addr": "Separate address for /metrics, which is then not served on the main one.",
		"help_public_metrics": "Serve /metrics to everybody. " +
			"Otherwise it needs a token, unless only this machine can reach the program.",
		"help_otlp_endpoint": "Send traces to this collector of OpenTelemetry, by OTLP over HTTP.",
		"help_pprof_addr":    "Address on this machine for profiles of Go, at /debug/pprof.",
	}
	maps.Copy(help, signOnHelp())
	return help
}

// DefaultOptions returns the defaults of the command line.
func DefaultOptions() Options {
	return Options{
		Listen: "127.0.0.1:8080", Data: "./data", ReplicaAddr: "127.0.0.1:0", LogFormat: "text",
		SessionLifetime: 12 * time.Hour, SessionIdle: 30 * time.Minute,
		UserRate: 100, UserStreams: 64, GuardShare: 20, GuardNodes: 10,
		Resume: true, SyncLimit: 5, SyncWait: 2 * time.Second,
		ListTTL: 30 * time.Second, DetailTTL: 5 * time.Minute, HardAge: 5 * time.Minute,
		RetainBatches: 90, RetainAudit: 90, SignOnOptions: defaultSignOn(),
	}
}

// checkActAs returns an error that names what would be a name of Kubernetes itself.
func (o *Options) checkActAs() error {
	const system = "system:"
	if strings.HasPrefix(o.ActAsPrefix, system) {
		return errors.New("--act-as-prefix: names that begin with system: belong to Kubernetes")
	}
	for _, group := range o.ActAsGroup {
		if strings.HasPrefix(o.ActAsPrefix+group, system) {
			return fmt.Errorf("--act-as-group: %s: names that begin with system: belong to Kubernetes", group)
		}
	}
	return nil
}

// checkProtect returns an error that names the invalid patterns.
func checkProtect(patterns []string) error {
	if _, err := operation.NewProtection(patterns...); err != nil {
		return fmt.Errorf("--protect: %w", err)
	}
	return nil
}

// Validate returns an error that names every invalid option. Package kong calls it too,
// so that an invalid option is an error of the command line.
func (o *Options) Validate() error {
	errs := []error{
		o.checkListen(),
		o.checkDatabase(),
		checkHosts(o.AllowedHosts),
		checkPublicURL(o.PublicURL),
		o.checkTLS(),
		o.checkSignOn(),
		checkProtect(o.Protect),
		o.checkActAs(),
		checkPositive("session-lifetime", o.SessionLifetime),
		checkPositive("session-idle", o.SessionIdle),
		checkPositive("list-ttl", o.ListTTL),
		checkPositive("detail-ttl", o.DetailTTL),
		checkPositive("hard-age", o.HardAge),
		checkDays("retain-batches", o.RetainBatches),
		checkDays("retain-audit", o.RetainAudit),
	}
	if o.OTLPEndpoint != "" {
		errs = append(errs, checkOTLP(o.OTLPEndpoint))
	}
	if o.PprofAddr != "" {
		errs = append(errs, checkPprof(o.PprofAddr))
	}
	if o.MetricsAddr != "" {
		errs = append(errs, checkAddress("metrics-addr", o.MetricsAddr))
	}
	if o.Data == "" {
		errs = append(errs, errors.New("--data: name a directory"))
	}
	if !slices.Contains([]string{"text", "json"}, o.LogFormat) {
		errs = append(errs, fmt.Errorf("--log-format: %q is neither text nor json", o.LogFormat))
	}
	return errors.Join(append(errs, o.checkLimits()...)...)
}

// checkLimits returns an error for each number that is out of range.
func (o *Options) checkLimits() (errs []error) {
	if o.UserRate < 0 || o.UserStreams < 0 {
		errs = append(errs, errors.New("--user-rate and --user-streams: must not be negative"))
	}
	if o.SyncLimit < 0 || o.SyncWait < 0 {
		errs = append(errs, errors.New("--sync-limit and --sync-wait: must not be negative"))
	}
	if o.GuardShare < 0 || o.GuardShare > 100 || o.GuardNodes < 0 {
		errs = append(errs, errors.New("--guard-share: must be between 0 and 100; --guard-nodes: must not be negative"))
	}
	// The server aborts a response after writeTimeout.
	if o.SyncWait > writeTimeout/2 {
		errs = append(errs, fmt.Errorf("--sync-wait: must be at most %s", writeTimeout/2))
	}
	if o.HardAge < o.ListTTL {
		errs = append(errs, errors.New("--hard-age: must be at least --list-ttl"))
	}
	return errs
}

func checkAddress(flag, address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fmt.Errorf("--%s: %q is not HOST:PORT", flag, address)
	}
	return nil
}

// maxDays is a hundred years. More is a mistake.
const maxDays = 36500

func checkDays(flag string, days int) error {
	if days < 0 || days > maxDays {
		return fmt.Errorf("--%s: must be between 0 and %d", flag, maxDays)
	}
	return nil
}

// clock returns o.now or time.Now.
func (o *Options) clock() func() time.Time {
	if o.now != nil {
		return o.now
	}
	return time.Now
}

func checkPositive(flag string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("--%s: must be more than 0", flag)
	}
	return nil
}

// plainPath is a path that looks the same in HTML, in a cookie and in the configuration
// of a proxy.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?$`)

func checkPublicURL(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.User != nil:
		return fmt.Errorf("--public-url: %q is not like https://nodes.example.com", address)
	case u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("--public-url: %q must end after the path", address)
	case !plainPath.MatchString(u.EscapedPath()):
		return fmt.Errorf("--public-url: the path of %q must be like /ops/nodes, of letters, digits and -._~", address)
	default:
		return nil
	}
}

// base returns the path of the public URL, below which the program is served.
func (o *Options) base() *ui.Base { return ui.NewBase(o.basePath()) }

// basePath returns the path of base, or "".
func (o *Options) basePath() string {
	u, err := url.Parse(o.PublicURL)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}

// cookies returns what all cookies have in common.
func (o *Options) cookies() handlers.Cookies {
	return handlers.Cookies{Secure: o.https(), Path: o.base().Path()}
}

// https reports whether browsers reach the program over HTTPS.
func (o *Options) https() bool {
	u, err := url.Parse(o.PublicURL)
	return o.TLSCert != "" || err == nil && u.Scheme == "https"
}

// origin returns the public URL in the form of the header Origin, or "".
func (o *Options) origin() string {
	u, err := url.Parse(o.PublicURL)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// batchURL returns the public address of a batch, "" without --public-url.
func (o *Options) batchURL(id string) string {
	if o.PublicURL == "" {
		return ""
	}
	return strings.TrimSuffix(o.PublicURL, "/") + ui.BatchURL(id)
}
