package kubetest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Rule allows verbs on resources of one API group in all namespaces. "" is the
// core group. A subresource is written as in "pods/eviction".
func Rule(group string, verbs, resources []string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// User creates a user with the permissions of the rules and no others, and
// returns a configuration with the user's token. The user is a service account,
// because no other user can be created while the API server runs; a token works
// through a [Proxy], unlike a client certificate.
func (c *Cluster) User(t testing.TB, rules ...rbacv1.PolicyRule) *rest.Config {
	t.Helper()
	name := "user-" + unique()
	account := &corev1.ServiceAccount{ObjectMeta: ownMeta(name)}
	accounts := c.Client.CoreV1().ServiceAccounts(metav1.NamespaceDefault)
	_, err := accounts.Create(t.Context(), account, metav1.CreateOptions{})
	require.NoError(t, err)
	c.allow(t, name, rules)
	token, err := accounts.CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	config := c.Config()
	config.BearerToken = token.Status.Token
	c.awaitPermissions(t, config, rules)
	return config
}

// awaitPermissions waits until the API server knows the user and the user's
// permissions, a moment after they were stored.
func (c *Cluster) awaitPermissions(t testing.TB, config *rest.Config, rules []rbacv1.PolicyRule) {
	t.Helper()
	client, err := newClient(t, rest.CopyConfig(config))
	require.NoError(t, err)
	question := &authorizationv1.SelfSubjectRulesReview{}
	question.Spec.Namespace = metav1.NamespaceDefault
	c.Eventually(t, func(ctx context.Context) error {
		reviews := client.AuthorizationV1().SelfSubjectRulesReviews()
		review, err := reviews.Create(ctx, question, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		for _, rule := range rules {
			if !allows(review.Status.ResourceRules, rule) {
				return fmt.Errorf("the API server does not allow %v %v yet", rule.Verbs, rule.Resources)
			}
		}
		return nil
	})
}

func allows(all []authorizationv1.ResourceRule, rule rbacv1.PolicyRule) bool {
	return slices.ContainsFunc(all, func(r authorizationv1.ResourceRule) bool {
		return slices.Equal(r.Verbs, rule.Verbs) && slices.Equal(r.Resources, rule.Resources)
	})
}

// allow grants a service account the permissions of the rules.
func (c *Cluster) allow(t testing.TB, account string, rules []rbacv1.PolicyRule) {
	t.Helper()
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceDefault, Name: account}
	c.bind(t, account, subject, rules)
}

// AllowPatchNodes lets a user ([rbacv1.UserKind]) or a group ([rbacv1.GroupKind]) that
// others act as change nodes, and waits until the API server knows it.
func (c *Cluster) AllowPatchNodes(t testing.TB, kind, name string) {
	t.Helper()
	rules := []rbacv1.PolicyRule{Rule("", []string{"patch"}, []string{"nodes"})}
	c.bind(t, "person-"+unique(), rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}, rules)
	question := &authorizationv1.SubjectAccessReview{}
	question.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{Verb: "patch", Resource: "nodes"}
	if kind == rbacv1.GroupKind {
		question.Spec.Groups = []string{name}
	} else {
		question.Spec.User = name
	}
	c.Eventually(t, func(ctx context.Context) error {
		reviews := c.Client.AuthorizationV1().SubjectAccessReviews()
		review, err := reviews.Create(ctx, question, metav1.CreateOptions{})
		if err == nil && !review.Status.Allowed {
			err = fmt.Errorf("the API server does not allow %s yet", name)
		}
		return err
	})
}

// bind grants a subject the permissions of the rules, by a role of that name.
func (c *Cluster) bind(t testing.TB, name string, subject rbacv1.Subject, rules []rbacv1.PolicyRule) {
	t.Helper()
	rbac := c.Client.RbacV1()
	role := &rbacv1.ClusterRole{ObjectMeta: ownMeta(name), Rules: rules}
	_, err := rbac.ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{})
	require.NoError(t, err)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: ownMeta(name),
		Subjects:   []rbacv1.Subject{subject},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{})
	require.NoError(t, err)
}

// ownMeta returns the metadata of an object that the cluster's next reset deletes.
func ownMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{ownLabel: ""}}
}

// WriteKubeconfig writes a kubeconfig file with one context of that name, which
// has config's server, certificate authority and token, or client certificate without a
// token, and returns its path. The test's end deletes the file.
func WriteKubeconfig(t testing.TB, context string, config *rest.Config) string {
	t.Helper()
	file := clientcmdapi.NewConfig()
	file.CurrentContext = context
	file.Clusters[context] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos[context] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	if config.BearerToken == "" {
		file.AuthInfos[context] = &clientcmdapi.AuthInfo{
			ClientCertificateData: config.CertData, ClientKeyData: config.KeyData,
		}
	}
	file.Contexts[context] = &clientcmdapi.Context{Cluster: context, AuthInfo: context}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*file, path))
	return path
}

// MayPatchNodes reports whether an account itself may change nodes.
func (c *Cluster) MayPatchNodes(t testing.TB, account *rest.Config) bool {
	t.Helper()
	client, err := newClient(t, rest.CopyConfig(account))
	require.NoError(t, err)
	question := &authorizationv1.SelfSubjectAccessReview{}
	question.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{Verb: "patch", Resource: "nodes"}
	reviews := client.AuthorizationV1().SelfSubjectAccessReviews()
	review, err := reviews.Create(t.Context(), question, metav1.CreateOptions{})
	require.NoError(t, err)
	return review.Status.Allowed
}

// ActingRules are the rights of an account that acts as its users: it reads, and may
// pass on what nodes and evictions need, and nothing else.
func ActingRules() []rbacv1.PolicyRule {
	act := []string{"impersonate:user-info"}
	return append(ReadingRules(),
		Rule("authentication.k8s.io", act, []string{"users", "groups"}),
		Rule("", []string{"impersonate-on:user-info:patch"}, []string{"nodes"}),
		Rule("", []string{"impersonate-on:user-info:create"}, []string{"pods/eviction"}),
	)
}

// ReadingRules are the rights of an account that only reads.
func ReadingRules() []rbacv1.PolicyRule {
	see := []string{"get", "list", "watch"}
	return []rbacv1.PolicyRule{
		Rule("", see, []string{"nodes", "pods"}),
		Rule("apps", see, []string{"daemonsets"}),
		Rule("policy", see, []string{"poddisruptionbudgets"}),
		Rule("", []string{"list"}, []string{"events"}),
		Rule("coordination.k8s.io", []string{"get"}, []string{"leases"}),
	}
}
