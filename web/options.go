package web

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"kube-node-manager/services/operation"
)

// Options are the settings of the program. Their names, defaults and help are
// those of the command line, which fills them; DefaultOptions gives the same
// defaults to everybody else.
type Options struct {
	Listen         string         `help:"Address to listen on." default:"127.0.0.1:8080"`
	Data           string         `help:"Directory of the database; it is made when it is missing." default:"./data"`
	Kubeconfig     string         `help:"Kubeconfig files, separated as in PATH. Without it: KUBECONFIG, the cluster that the program runs in, or ~/.kube/config." placeholder:"FILES"`
	Contexts       []string       `name:"context" help:"Contexts of the kubeconfig to use; all when it is left out." placeholder:"NAME"`
	PublicURL      string         `help:"Address that people see in the browser. Needed behind a proxy; with https it makes cookies secure." placeholder:"URL"`
	TrustedProxies []netip.Prefix `help:"Addresses of the proxies whose X-Forwarded-For is believed, each with its length: 10.0.0.5/32." placeholder:"CIDR"`
	AllowedHosts   []string       `help:"Names that the program is asked for by, beside localhost and that of --public-url." placeholder:"HOST"`
	InsecureHTTP   bool           `help:"Listen beyond this machine without TLS: passwords can be read on their way."`
	HSTSSubdomains bool           `name:"hsts-subdomains" help:"Tell browsers that every subdomain of --public-url has HTTPS too."`

	LogFile   string     `help:"File to log to as well; reopened on SIGHUP." placeholder:"FILE"`
	LogFormat string     `help:"Format of the log: ${enum}." enum:"text,json" default:"text"`
	LogLevel  slog.Level `help:"Lowest level to log: debug, info, warn, error." default:"info"`

	SessionLifetime time.Duration `help:"Time after which everybody has to sign in again." default:"12h"`
	SessionIdle     time.Duration `help:"Time without a request after which one has to sign in again." default:"30m"`

	UserRate    int `help:"Requests a second that one user may make, with ten times as many at once; a quarter of it for changes and plans. 0 is any number." default:"100"`
	UserStreams int `help:"Event streams that one user may have open; the oldest is closed for a further one. 0 is any number." default:"64"`

	Resume    bool          `help:"Continue interrupted batches at start, where that is safe." default:"true" negatable:""`
	SyncLimit int           `help:"A batch of up to this many nodes may answer at once." default:"5"`
	SyncWait  time.Duration `help:"Longest wait for such a batch before its progress is shown." default:"2s"`

	GuardShare int `help:"Share of a cluster's nodes, in percent, above which a cordon, a drain or a repelling taint shows its plan first." default:"20"`
	GuardNodes int `help:"Fewest nodes that are such a share." default:"10"`

	Protect       []string `help:"Labels and taints that a replacement or a copy never touches, beside those of Kubernetes, clouds and controllers: a key, or domain/* with its subdomains. With ! in front they are free." placeholder:"PATTERN"`
	UsersMayDrain bool     `help:"Let users drain nodes; otherwise only administrators may."`

	ListTTL   time.Duration `help:"Time that a node list counts as fresh." default:"30s"`
	DetailTTL time.Duration `help:"Time that the pods on the page of a node count as fresh." default:"5m"`
	HardAge   time.Duration `help:"Age beyond which a list is never shown." default:"5m"`

	RetainBatches int `help:"Days that a batch stays in the history after its end; 0 is for ever." default:"90"`
	RetainAudit   int `help:"Days that the audit log goes back; 0 is for ever." default:"90"`

	MetricsAddr   string `help:"Separate address for /metrics; it then leaves the main one." placeholder:"HOST:PORT"`
	PublicMetrics bool   `help:"Answer /metrics to everybody. Otherwise it needs a token, unless only this machine can ask."`

	// Version is the program's, Output takes what the one who starts it has to
	// read (nil discards it), and Log replaces the log made of the options above.
	Version string       `kong:"-"`
	Output  io.Writer    `kong:"-"`
	Log     *slog.Logger `kong:"-"`

	now func() time.Time // tests move the time of login sessions and of what is kept; nil is the real one
}

// DefaultOptions gives the defaults of the command line.
func DefaultOptions() Options {
	return Options{
		Listen: "127.0.0.1:8080", Data: "./data", LogFormat: "text",
		SessionLifetime: 12 * time.Hour, SessionIdle: 30 * time.Minute,
		UserRate: 100, UserStreams: 64, GuardShare: 20, GuardNodes: 10,
		Resume: true, SyncLimit: 5, SyncWait: 2 * time.Second,
		ListTTL: 30 * time.Second, DetailTTL: 5 * time.Minute, HardAge: 5 * time.Minute,
		RetainBatches: 90, RetainAudit: 90,
	}
}

// validProtect names the patterns that cannot be used.
func validProtect(patterns []string) error {
	if _, err := operation.NewProtection(patterns...); err != nil {
		return fmt.Errorf("--protect: %w", err)
	}
	return nil
}

// Validate names every option that cannot be used. The command line calls it
// too, to tell a mistake in a flag from a failing start.
func (o *Options) Validate() error {
	errs := []error{
		o.validListen(),
		validHosts(o.AllowedHosts),
		validPublicURL(o.PublicURL),
		validProtect(o.Protect),
		positive("session-lifetime", o.SessionLifetime),
		positive("session-idle", o.SessionIdle),
		positive("list-ttl", o.ListTTL),
		positive("detail-ttl", o.DetailTTL),
		positive("hard-age", o.HardAge),
		validDays("retain-batches", o.RetainBatches),
		validDays("retain-audit", o.RetainAudit),
	}
	if o.MetricsAddr != "" {
		errs = append(errs, validAddress("metrics-addr", o.MetricsAddr))
	}
	if o.Data == "" {
		errs = append(errs, errors.New("--data: name a directory"))
	}
	if !slices.Contains([]string{"text", "json"}, o.LogFormat) {
		errs = append(errs, fmt.Errorf("--log-format: %q is neither text nor json", o.LogFormat))
	}
	if o.UserRate < 0 || o.UserStreams < 0 {
		errs = append(errs, errors.New("--user-rate and --user-streams: must not be negative"))
	}
	if o.SyncLimit < 0 || o.SyncWait < 0 {
		errs = append(errs, errors.New("--sync-limit and --sync-wait: must not be negative"))
	}
	if o.GuardShare < 0 || o.GuardShare > 100 || o.GuardNodes < 0 {
		errs = append(errs, errors.New("--guard-share: must be between 0 and 100; --guard-nodes: must not be negative"))
	}
	// The server cuts an answer off after writeTimeout.
	if o.SyncWait > writeTimeout/2 {
		errs = append(errs, fmt.Errorf("--sync-wait: must be at most %s", writeTimeout/2))
	}
	if o.HardAge < o.ListTTL {
		errs = append(errs, errors.New("--hard-age: must be at least --list-ttl"))
	}
	return errors.Join(errs...)
}

func validAddress(flag, address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fmt.Errorf("--%s: %q is not HOST:PORT", flag, address)
	}
	return nil
}

// maxDays is a hundred years: more is a mistake.
const maxDays = 36500

func validDays(flag string, days int) error {
	if days < 0 || days > maxDays {
		return fmt.Errorf("--%s: must be between 0 and %d", flag, maxDays)
	}
	return nil
}

// clock gives the options' time.
func (o *Options) clock() func() time.Time {
	if o.now != nil {
		return o.now
	}
	return time.Now
}

func positive(flag string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("--%s: must be more than 0", flag)
	}
	return nil
}

// validPublicURL accepts the address of a site. The pages link from the root,
// so that a path has no place in it.
func validPublicURL(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.User != nil:
		return fmt.Errorf("--public-url: %q is not like https://nodes.example.com", address)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("--public-url: %q must end after the host; a path is not supported", address)
	default:
		return nil
	}
}

// https reports whether people reach the program by HTTPS.
func (o *Options) https() bool {
	u, err := url.Parse(o.PublicURL)
	return err == nil && u.Scheme == "https"
}

// origin gives the public URL as browsers send it in Origin, or "".
func (o *Options) origin() string {
	u, err := url.Parse(o.PublicURL)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
