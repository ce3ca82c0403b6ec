package web

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/ldap"
	"kube-node-manager/views/ui"
)

// SignOnOptions are the settings of single sign-on, with OpenID Connect and with LDAP.
type SignOnOptions struct {
	LocalLogin bool `help:"${help_local_login}" default:"true" negatable:""`

	SecondFactor secondFactor `help:"${help_second_factor}" enum:"optional,admins,everybody" default:"optional"`

	GroupRoles []string `help:"${help_group_roles}" sep:";" placeholder:"GROUP=ROLE"`

	OIDCIssuer   string `name:"oidc-issuer" help:"${help_oidc_issuer}" placeholder:"URL"`
	OIDCInternal string `name:"oidc-internal-issuer" help:"${help_oidc_internal}" placeholder:"URL"`
	OIDCClientID string `name:"oidc-client-id" help:"Client ID of this program at the provider." placeholder:"ID"`
	OIDCClient   Secret `embed:"" prefix:"oidc-client-" set:"secret=client secret of this program at the provider"`
	OIDCCAFile   string `name:"oidc-ca-file" help:"${help_oidc_ca}" placeholder:"FILE"`
	OIDCScopes   string `name:"oidc-scopes" help:"Scopes besides openid, with spaces between." default:"profile"`
	OIDCUser     string `name:"oidc-user-claim" help:"${help_oidc_user}" default:"preferred_username"`
	OIDCGroups   string `name:"oidc-groups-claim" help:"${help_oidc_groups}" default:"groups"`
	OIDCName     string `name:"oidc-name" help:"${help_oidc_name}" placeholder:"TEXT"`

	LDAPServers     []string `name:"ldap-url" help:"${help_ldap_url}" placeholder:"URL"`
	LDAPStartTLS    bool     `name:"ldap-start-tls" help:"Begin TLS on ldap:// connections; required for them."`
	LDAPCAFile      string   `name:"ldap-ca-file" help:"${help_ldap_ca}" placeholder:"FILE"`
	LDAPBindDN      string   `name:"ldap-bind-dn" help:"${help_ldap_bind}" placeholder:"DN"`
	LDAPBind        Secret   `embed:"" prefix:"ldap-bind-" set:"secret=password of --ldap-bind-dn"`
	LDAPUserBase    string   `name:"ldap-user-base" help:"Entry below which people are." placeholder:"DN"`
	LDAPUserFilter  string   `name:"ldap-user-filter" help:"${help_ldap_user}" default:"(uid={name})"`
	LDAPUserField   string   `name:"ldap-user-attribute" help:"Attribute with the user name." default:"uid"`
	LDAPGroupBase   string   `name:"ldap-group-base" help:"${help_ldap_group_base}" placeholder:"DN"`
	LDAPGroupFilter string   `name:"ldap-group-filter" help:"${help_ldap_group}" default:"(member={dn})"`
}

// signOnHelp returns the help texts that the tags of SignOnOptions refer to.
func signOnHelp() map[string]string {
	return map[string]string{
		"help_local_login": "Let people sign in with passwords that are kept here. " +
			"It can be turned off if --oidc-issuer or --ldap-url is set.",
		"help_second_factor": "Who must have a second factor, of those who type their password here: " +
			"optional, admins, everybody. A provider of OpenID Connect asks for one itself.",
		"help_group_roles": "Roles of the groups of the provider or directory: GROUP=ROLE, " +
			"GROUP=ROLE@CLUSTER or GROUP=ROLE@KEY=VALUE for the clusters with a label; several with semicolons. " +
			"The group * is everybody who can sign in there.",
		"help_oidc_issuer": "Issuer of an OpenID Connect provider. Needs --public-url.",
		"help_oidc_internal": "Address at which this program reaches the issuer, " +
			"if it differs from the one that browsers use.",
		"help_oidc_ca":     "File with the certificates to trust for the provider, as PEM, in place of the system's.",
		"help_oidc_user":   "Claim with the user name.",
		"help_oidc_groups": "Claim with the groups; dots lead into objects, as in realm_access.roles.",
		"help_oidc_name":   "Name of the provider on the button of the sign-in page.",
		"help_ldap_url": "LDAP servers, as ldaps://HOST or with --ldap-start-tls ldap://HOST; " +
			"the first that answers is used.",
		"help_ldap_ca":         "File with the certificates to trust for the directory, as PEM, in place of the system's.",
		"help_ldap_bind":       "Account that searches for people and groups; without it, the search is anonymous.",
		"help_ldap_user":       "Filter that finds a person; {name} is the typed user name.",
		"help_ldap_group_base": "Entry below which groups are. Without it, the groups are those in memberOf of the person.",
		"help_ldap_group":      "Filter that finds the groups of a person; {dn} is the person's entry, {name} the user name.",
	}
}

// defaultSignOn returns the defaults of the command line.
func defaultSignOn() SignOnOptions {
	return SignOnOptions{
		LocalLogin: true, SecondFactor: factorOptional,
		OIDCScopes: "profile", OIDCUser: "preferred_username", OIDCGroups: "groups",
		LDAPUserFilter: "(uid={name})", LDAPUserField: "uid", LDAPGroupFilter: "(member={dn})",
	}
}

// secondFactor says who must have a second factor.
type secondFactor string

const (
	factorOptional  secondFactor = "optional"
	factorAdmins    secondFactor = "admins"
	factorEverybody secondFactor = "everybody"
)

// due reports whether a user lacks the second factor that they must have.
func (s secondFactor) due(u account.User) bool {
	if u.Factor || u.Provider {
		return false
	}
	return s == factorEverybody || s == factorAdmins && u.Role == services.RoleAdmin
}

func (o *SignOnOptions) usesOIDC() bool { return o.OIDCIssuer != "" }
func (o *SignOnOptions) usesLDAP() bool { return len(o.LDAPServers) > 0 }

// checkSignOn returns an error that names every invalid option of single sign-on.
func (o *Options) checkSignOn() error {
	var errs []error
	if !o.LocalLogin && !o.usesOIDC() && !o.usesLDAP() {
		errs = append(errs, errors.New("--local-login=false: nobody could sign in; set --oidc-issuer or --ldap-url first"))
	}
	if _, err := account.ParseGroups(o.GroupRoles); err != nil {
		errs = append(errs, fmt.Errorf("--group-roles: %w", err))
	}
	if (o.usesOIDC() || o.usesLDAP()) && len(o.GroupRoles) == 0 {
		errs = append(errs, errors.New("--group-roles: needed for --oidc-issuer and --ldap-url; "+
			"without it nobody who signs in there has a role"))
	}
	return errors.Join(append(errs, o.checkOIDC(), o.checkLDAP())...)
}

// checkOIDC returns an error that names the invalid options of OpenID Connect.
func (o *Options) checkOIDC() error {
	if !o.usesOIDC() {
		if o.OIDCClientID != "" || o.OIDCClient.IsSet() {
			return errors.New("--oidc-issuer: needed for the other --oidc options")
		}
		return nil
	}
	errs := []error{checkIssuer("oidc-issuer", o.OIDCIssuer), o.OIDCClient.Check("oidc-client-secret")}
	if o.OIDCInternal != "" {
		errs = append(errs, checkIssuer("oidc-internal-issuer", o.OIDCInternal))
	}
	for name, missing := range map[string]bool{
		"public-url": o.PublicURL == "", "oidc-client-id": o.OIDCClientID == "",
		"oidc-client-secret-file": !o.OIDCClient.IsSet(), "oidc-user-claim": o.OIDCUser == "",
		"oidc-groups-claim": o.OIDCGroups == "",
	} {
		if missing {
			errs = append(errs, fmt.Errorf("--%s: needed for --oidc-issuer", name))
		}
	}
	return sorted(errs)
}

// sorted joins errors in the order of their texts, which begin with the option.
func sorted(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// checkIssuer requires https: whoever can change the answers of the provider can sign in
// as anybody. Tests run without it on one machine.
func checkIssuer(flag, address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("--%s: %q is not like https://id.example.com", flag, address)
	case u.Scheme == "https", u.Scheme == "http" && isLoopbackHost(u.Hostname()):
		return nil
	default:
		return fmt.Errorf("--%s: %q must begin with https", flag, address)
	}
}

func isLoopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// checkLDAP returns an error that names the invalid options of LDAP.
func (o *Options) checkLDAP() error {
	if !o.usesLDAP() {
		if o.LDAPBindDN != "" || o.LDAPUserBase != "" || o.LDAPStartTLS {
			return errors.New("--ldap-url: needed for the other --ldap options")
		}
		return nil
	}
	var errs []error
	for _, server := range o.LDAPServers {
		errs = append(errs, o.checkServer(server))
	}
	for name, dn := range map[string]string{
		"ldap-bind-dn": o.LDAPBindDN, "ldap-user-base": o.LDAPUserBase, "ldap-group-base": o.LDAPGroupBase,
	} {
		if err := ldap.CheckDN(dn); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %q is not a distinguished name like ou=people,dc=example,dc=com", name, dn))
		}
	}
	if o.LDAPUserBase == "" {
		errs = append(errs, errors.New("--ldap-user-base: needed for --ldap-url"))
	}
	if o.LDAPUserField == "" {
		errs = append(errs, errors.New("--ldap-user-attribute: needed for --ldap-url"))
	}
	return sorted(append(errs, o.checkFilters(), o.checkBind()))
}

// checkServer requires an encrypted connection: people type their passwords into it.
func (o *Options) checkServer(server string) error {
	u, err := url.Parse(server)
	switch {
	case err != nil, u.Scheme != "ldaps" && u.Scheme != "ldap", u.Hostname() == "", strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("--ldap-url: %q is not like ldaps://dc1.example.com", server)
	case u.Scheme == "ldap" && !o.LDAPStartTLS:
		return fmt.Errorf("--ldap-url: passwords would be sent to %q in plain text; use ldaps:// or --ldap-start-tls", server)
	default:
		return nil
	}
}

func (o *Options) checkFilters() error {
	var errs []error
	if err := ldap.CheckFilter(o.LDAPUserFilter, "{name}"); err != nil {
		errs = append(errs, fmt.Errorf("--ldap-user-filter: %w", err))
	}
	if o.LDAPGroupBase == "" {
		return errors.Join(errs...)
	}
	if err := ldap.CheckFilter(o.LDAPGroupFilter, "{dn}", "{name}"); err != nil {
		errs = append(errs, fmt.Errorf("--ldap-group-filter: %w", err))
	}
	return errors.Join(errs...)
}

func (o *Options) checkBind() error {
	if (o.LDAPBindDN != "") != o.LDAPBind.IsSet() {
		return errors.New("--ldap-bind-dn and --ldap-bind-secret-file: set both or neither")
	}
	return o.LDAPBind.Check("ldap-bind-secret")
}

// readRoots returns the certificates of a file, or nil for those of the system.
func readRoots(flag, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // crypto/tls wants it so
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--%s: %s has no certificate in PEM", flag, file)
	}
	return roots, nil
}

// publicPage returns the address of a page as browsers know it. --public-url must be set.
func (o *Options) publicPage(path string) string { return strings.TrimRight(o.PublicURL, "/") + path }

// callback returns the address to which the provider sends browsers back.
func (o *Options) callback() string { return o.publicPage(ui.OIDCCallbackURL) }
