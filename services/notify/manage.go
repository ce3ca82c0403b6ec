package notify

import (
	"context"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/store"
)

// Create adds a hook with the fields name, url, secret, cluster, format, language, event and
// minutes.
//
// Errors: CodeForbidden; CodeInvalid names the fields.
func (s *Service) Create(ctx context.Context, f form.Fields, clusters []string) (store.Hook, error) {
	actor := services.ActorFrom(ctx)
	if err := actor.Require(services.PermitClusters); err != nil {
		return store.Hook{}, err
	}
	h, private, err := readHook(f, clusters)
	if err != nil {
		return store.Hook{}, err
	}
	all, err := s.Store.Hooks(ctx)
	if err != nil {
		return store.Hook{}, err
	}
	if len(all) >= maxHooks {
		return store.Hook{}, services.Invalid("name", "error_hooks_many", "Max", maxHooks)
	}
	h.CreatedBy, h.CreatedAt = actor.Name, s.Now().Truncate(time.Millisecond)
	h.ID, err = s.Store.InsertHook(ctx, h, func(id int64) (store.HookSecret, error) { return s.seal(id, private) })
	if services.CodeOf(err) == services.CodeConflict {
		return store.Hook{}, services.Invalid("name", "error_hook_name")
	}
	return h, err
}

// Hook returns a hook.
//
// Errors: CodeForbidden, CodeNotFound.
func (s *Service) Hook(ctx context.Context, id int64) (store.Hook, error) { return s.hook(ctx, id) }

// Update changes a hook. A field that is not sent keeps its value, and so do the address and
// the secret if they are empty. The field secret_remove takes the secret away.
//
// Errors: CodeForbidden, CodeNotFound; CodeInvalid names the fields.
func (s *Service) Update(ctx context.Context, id int64, f form.Fields, clusters []string) (store.Hook, error) {
	before, err := s.hook(ctx, id)
	if err != nil {
		return store.Hook{}, err
	}
	kept, err := s.open(before)
	if err != nil {
		return store.Hook{}, err
	}
	h, private, err := readHook(completed(f, before, kept), append(slices.Clone(clusters), before.Cluster))
	if err != nil {
		return before, err
	}
	h.ID, h.Disabled, h.CreatedBy, h.CreatedAt = id, before.Disabled, before.CreatedBy, before.CreatedAt
	h.HookSecret, err = s.seal(id, private)
	if err != nil {
		return before, err
	}
	changed := store.HookChange{URL: private.URL != kept.URL, Secret: private.Secret != kept.Secret}
	err = s.Store.UpdateHook(ctx, before, h, changed)
	if services.CodeOf(err) == services.CodeConflict {
		return before, services.Invalid("name", "error_hook_name")
	}
	s.rouse()
	return h, err
}

// completed returns the fields of a change with what they leave open.
func completed(f form.Fields, h store.Hook, kept secrets) form.Fields {
	all := form.Fields{
		"name": {h.Name}, "cluster": {h.Cluster}, "format": {h.Format}, "language": {h.Language},
		"event": h.Events, "minutes": {strconv.Itoa(h.Minutes)},
	}
	maps.Copy(all, f)
	if len(f["event"]) == 0 {
		all["event"] = h.Events
	}
	if strings.TrimSpace(all.Text("url")) == "" {
		all["url"] = []string{kept.URL}
	}
	removed := form.Read(f).Flag("secret_remove", false)
	if strings.TrimSpace(all.Text("secret")) == "" && !removed {
		all["secret"] = []string{kept.Secret}
	}
	return all
}

// readHook reads the fields of a hook.
func readHook(f form.Fields, clusters []string) (store.Hook, secrets, error) {
	r := form.Read(f)
	h := store.Hook{
		Name: strings.TrimSpace(r.Text("name")), Cluster: r.Text("cluster"), Events: readEvents(r),
		Format: r.Choice("format", Formats()...), Language: r.Choice("language", Languages()...),
		Minutes: r.Number("minutes", 10, 1, 24*60),
	}
	if n := utf8.RuneCountInString(h.Name); n == 0 || n > maxName {
		r.Refuse("name", "error_hook_name_length", "Max", maxName)
	}
	if h.Cluster != "" && !slices.Contains(clusters, h.Cluster) {
		r.Refuse("cluster", "error_choice", "Value", services.Clip(h.Cluster), "Choices", strings.Join(clusters, ", "))
	}
	private := secrets{URL: strings.TrimSpace(r.Text("url")), Secret: strings.TrimSpace(r.Text("secret"))}
	h.Host = readAddress(r, private.URL)
	if n := len(private.Secret); n > maxAddress || n < minSecret && (n > 0 || h.Format == FormatJSON) {
		r.Refuse("secret", "error_hook_secret", "Min", minSecret)
	}
	return h, private, r.Err()
}

// readEvents reads what a hook is told: all, unless the field is sent. The empty value, which
// the form of a page sends with the boxes, is no event.
func readEvents(r *form.Reader) []string {
	sent := r.Fields["event"]
	if len(sent) == 0 {
		return Events()
	}
	for _, event := range sent {
		if event != "" && !slices.Contains(Events(), event) {
			r.Refuse("event", "error_choice", "Value", services.Clip(event), "Choices", strings.Join(Events(), ", "))
		}
	}
	chosen := slices.DeleteFunc(Events(), func(event string) bool { return !slices.Contains(sent, event) })
	if len(chosen) == 0 {
		r.Refuse("event", "error_hook_events")
	}
	return chosen
}

// readAddress checks the address of a hook and returns its host. Where it leads is checked
// when it is called: names may change.
func readAddress(r *form.Reader, address string) string {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxAddress || u.Host == "" || u.User != nil || u.Fragment != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		r.Refuse("url", "error_hook_url")
		return ""
	}
	if u.Scheme == "http" && !private(u.Hostname()) {
		r.Refuse("url", "error_hook_http")
	}
	return u.Host
}

// private reports whether a host is an address that is not public: only there may a hook be
// called without TLS.
func private(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsPrivate())
}
