package account

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestCheckPassword(t *testing.T) {
	for text, passwords := range map[string][]string{
		"error_password_pattern": {
			"aaaaaaaaaaaa", "AAAAaaaaAAAA", "abababababab", "abcabcabcabc", "密密密密密密密密密密密密",
			"123456123456",
			"passwordpassword", "x1x1x1x1x1x1x", "abcdefghijkl", "zyxwvutsrqpo", "qwertyuiopas", "1234567890qw",
			"123456789012", "0123456789012", "lkjhgfdsapoi", "1qaz2wsx3edc",
		},
		"error_password_name": {
			"grace.hopper", "GraceHopper!", "grace.hopper1906", "reppohecarg12", "hoppergrace.hopper",
			"ｇｒａｃｅ.ｈｏｐｐｅｒ",
		},
		"error_password_common": {
			"password1234", "Password2026!", "p4ssw0rd!!!!", "P@$$w0rd1234", "kubernetes2026", "administrator",
			"welcome-welcome!", "admin123456789", "letmeinletmein1", "qwerty123456", "1q2w3e4r5t6y", "iloveyou2026!",
			"summer2026!!!", "SpringMonday1", "changemechangeme2", "kubernetes-node-manager", "112233445566",
		},
	} {
		for _, password := range passwords {
			require.Equal(t, text, whyWrong("grace.hopper", password), password)
		}
	}
	for _, password := range []string{
		goodPassword, "another password", "grace and much more beside", "tr0ub4dor&3xyz", "8d1f0c2b9a7e",
		"山高水长春江花月夜人间四月天", "the new server is in a private cloud of the company",
		strings.Repeat("a good long part ", 2), "%#^&*()_+=?<>", "739184620573",
	} {
		require.Empty(t, whyWrong("grace.hopper", password), password)
	}
	require.Empty(t, whyWrong("a", "a horse and a battery"), "a short name is in many words")
	require.Equal(t, "error_password_name", whyWrong("grace@example.com", "grace1906!!!"))
}

// whyWrong returns the text of what is wrong with a password, or "".
func whyWrong(name, password string) string {
	var wrong services.FieldErrors
	checkPassword(&wrong, name, password)
	if len(wrong) == 0 {
		return ""
	}
	return wrong[0].Text
}

func TestNames(t *testing.T) {
	s, _, _ := newTest(t)
	for _, name := range []string{
		"аda", "αda", "a\u200bda", "ada\u0000", "a\u202eda", "-ada", ".ada", "@ada", "ada ", "a\tb", "a\xffb", "½",
		"command line",
	} {
		_, err := s.AddUser(asAdmin(t), name, goodPassword, services.RoleUser)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), "%q", name)
	}
	_, err := s.AddUser(asAdmin(t), "аda", goodPassword, services.RoleUser) // the first letter is Cyrillic
	requireField(t, err, "name", "error_name_alphabets")

	u, err := s.AddUser(asAdmin(t), "ｊｏｓｅ\u0301", goodPassword, services.RoleUser)
	require.NoError(t, err)
	require.Equal(t, "josé", u.Name, "stored in one form")
	for _, same := range []string{"josé", "JOSÉ", "jose\u0301"} {
		_, err = s.AddUser(asAdmin(t), same, goodPassword, services.RoleUser)
		requireField(t, err, "name", "error_name_taken")
	}
	for _, typed := range []string{"josé", "jose\u0301", "ｊｏｓé"} {
		_, err := s.Authenticate(t.Context(), typed, goodPassword)
		require.NoError(t, err, typed)
	}
	for _, name := range []string{"иван", "王小明", "anna-x", "Ünal.2", "_robot"} {
		_, err := s.AddUser(asAdmin(t), name, goodPassword, services.RoleUser)
		require.NoError(t, err, name)
	}
}
