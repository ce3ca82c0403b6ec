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

// Rule allows verbs on resources of one API group ("" is the core group), in
// all namespaces. Subresources are written "pods/eviction".
func Rule(group string, verbs, resources []string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// User makes a user who may do what the rules allow and nothing else, and
// returns a configuration with the user's token. It is a service account,
// because only those can be made while the API server runs; a token, unlike a
// client certificate, works through a [Proxy].
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
	c.awaitRights(t, config, rules)
	return config
}

// awaitRights waits until the API server knows of the user and the user's
// rights: it learns of new ones a moment after they were stored.
func (c *Cluster) awaitRights(t testing.TB, config *rest.Config, rules []rbacv1.PolicyRule) {
	t.Helper()
	client, err := newClient(t, rest.CopyConfig(config))
	require.NoError(t, err)
	c.Eventually(t, func(ctx context.Context) error {
		own, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: metav1.NamespaceDefault},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		for _, rule := range rules {
			if !slices.ContainsFunc(own.Status.ResourceRules, func(r authorizationv1.ResourceRule) bool {
				return slices.Equal(r.Verbs, rule.Verbs) && slices.Equal(r.Resources, rule.Resources)
			}) {
				return fmt.Errorf("the API server does not know yet that %v %v is allowed", rule.Verbs, rule.Resources)
			}
		}
		return nil
	})
}

func (c *Cluster) allow(t testing.TB, account string, rules []rbacv1.PolicyRule) {
	t.Helper()
	meta := ownMeta(account)
	_, err := c.Client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.Client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceDefault, Name: account}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: account},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// ownMeta marks an object as one that the cluster's next reset deletes.
func ownMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{ownLabel: ""}}
}

// WriteKubeconfig writes a kubeconfig file with one context of that name, for
// config's server, authority and token, and returns its path. The file goes
// with the test.
func WriteKubeconfig(t testing.TB, context string, config *rest.Config) string {
	t.Helper()
	file := clientcmdapi.NewConfig()
	file.CurrentContext = context
	file.Clusters[context] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos[context] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	file.Contexts[context] = &clientcmdapi.Context{Cluster: context, AuthInfo: context}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*file, path))
	return path
}
