package kubeconfig_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/kubeconfig"
)

// document is a kubeconfig with one context, whose parts tests replace.
type document struct{ top, cluster, user, context string }

func (d document) String() string {
	const whole = `apiVersion: v1
kind: Config
%scurrent-context: a
clusters: [{name: c, cluster: {%s}}]
users: [{name: u, user: {%s}}]
contexts: [{name: a, context: {%s}}]
`
	if d.cluster == "" {
		d.cluster = "server: 'https://192.0.2.1:6443'"
	}
	if d.user == "" {
		d.user = "token: abc"
	}
	if d.context == "" {
		d.context = "cluster: c, user: u"
	}
	return fmt.Sprintf(whole, d.top, d.cluster, d.user, d.context)
}

func server(address string) string { return document{cluster: "server: '" + address + "'"}.String() }

func user(fields string) string { return document{user: fields}.String() }

func cluster(fields string) string {
	return document{cluster: "server: 'https://192.0.2.1', " + fields}.String()
}

const (
	inCluster = "clusters[0].cluster."
	inUser    = "users[0].user."
)

// hostile is a kubeconfig and what its refusal says: the field and the message.
type hostile struct{ text, field, message string }

// collection returns kubeconfigs that must be refused. canary is a directory whose
// files nobody may open, and listener an address to which nobody may connect.
func collection(canary, listener string) map[string]hostile {
	file := filepath.Join(canary, "secret")
	program := filepath.Join(canary, "program")
	all := map[string]hostile{}
	for _, part := range []map[string]hostile{
		hostileUsers(file, program), hostileClusters(file, listener), hostileServers(), hostileYAML(), hostileFiles(),
	} {
		for name, h := range part {
			all[name] = h
		}
	}
	return all
}

func withUser(fields, field, message string) hostile {
	return hostile{user(fields), inUser + field, "error_kubeconfig_" + message}
}

func withCluster(fields, field, message string) hostile {
	return hostile{cluster(fields), inCluster + field, "error_kubeconfig_" + message}
}

func hostileUsers(file, program string) map[string]hostile {
	run := "exec: {apiVersion: client.authentication.k8s.io/v1, command: " + program + ", interactiveMode: Never"
	const pair = "client-certificate-data: YQ==, client-key-data: "
	return map[string]hostile{
		"exec": withUser(run+"}", "exec", "exec"),
		"exec with arguments": {
			user(run + ", args: [-c, 'touch " + file + "'], env: [{name: A, value: b}]}"), inUser + "exec",
			"error_kubeconfig_exec",
		},
		"exec beside a token": withUser("token: abc, "+run+"}", "exec", "exec"),
		"exec null":           withUser("token: abc, exec: null", "exec", "exec"),
		"Exec":                withUser("token: abc, Exec: {command: "+program+"}", "Exec", "exec"),
		"quoted exec":         withUser(`token: abc, "\x65xec": {}`, "exec", "exec"),
		"Cyrillic exec":       withUser("token: abc, еxec: {}", "еxec", "field"),
		"zero-width exec":     withUser("token: abc, \"ex\u200bec\": {}", "ex\uFFFDec", "field"),
		"auth-provider":       withUser("auth-provider: {config: {cmd-path: "+program+"}}", "auth-provider", "auth_provider"),
		"authProvider":        withUser("token: abc, authProvider: {name: oidc}", "authProvider", "auth_provider"),
		"tokenFile":           withUser("tokenFile: "+file, "tokenFile", "token_file"),
		"tokenFile and token": withUser("token: abc, tokenFile: "+file, "tokenFile", "token_file"),
		"token-file":          withUser("token: abc, token-file: "+file, "token-file", "token_file"),
		"tokenfile":           withUser("token: abc, TOKENFILE: "+file, "TOKENFILE", "token_file"),
		"client-certificate":  withUser("client-certificate: "+file, "client-certificate", "certificate_file"),
		"client-key":          withUser("client-key: "+file, "client-key", "key_file"),
		"key file with data":  withUser("client-key-data: YQ==, client-key: "+file, "client-key", "key_file"),
		"username":            withUser("username: admin", "username", "password"),
		"password":            withUser("password: secret", "password", "password"),
		"act-as":              withUser("token: abc, act-as: admin", "act-as", "act_as"),
		"act-as-uid":          withUser("token: abc, act-as-uid: '1'", "act-as-uid", "act_as"),
		"act-as-groups":       withUser("token: abc, act-as-groups: [system:masters]", "act-as-groups", "act_as"),
		"act-as-user-extra":   withUser("token: abc, act-as-user-extra: {a: [b]}", "act-as-user-extra", "act_as"),
		"unknown field":       withUser("token: abc, plugin: x", "plugin", "field"),
		"token with line end": withUser(`token: "abc\r\nX-Remote-User: admin"`, "token", "token"),
		"token of a list":     withUser("token: [abc]", "token", "type"),
		"token of a number":   withUser("token: 12345", "token", "type"),
		"token in Unicode":    withUser("token: аbс", "token", "token"),
		"binary token":        withUser("token: !!binary YWJj", "token", "type"),
		"token of a tag":      withUser("token: !include "+file, "token", "type"),
		"key not base64":      withUser(pair+"'not/base'", "client-certificate-data", "pair"),
		"key with a path":     withUser(pair+"'../../x'", "client-key-data", "base64"),
		"certificate only":    withUser("client-certificate-data: YQ==", "client-certificate-data", "pair"),
		"token and certificate": {
			user("token: abc, client-certificate-data: YQ==, client-key-data: YQ=="), "users[0].user",
			"error_kubeconfig_two_credentials",
		},
		"no credentials": {document{user: "extensions: []"}.String(), "users[0].user", "error_kubeconfig_no_credentials"},
	}
}

func hostileClusters(file, listener string) map[string]hostile {
	return map[string]hostile{
		"certificate-authority": withCluster("certificate-authority: "+file, "certificate-authority", "ca_file"),
		"authority of a device": withCluster("certificate-authority: /dev/zero", "certificate-authority", "ca_file"),
		"proxy-url":             withCluster("proxy-url: 'http://"+listener+"'", "proxy-url", "proxy"),
		"SOCKS proxy":           withCluster("proxy-url: 'socks5://"+listener+"'", "proxy-url", "proxy"),
		"proxyUrl":              withCluster("proxyURL: 'http://"+listener+"'", "proxyURL", "proxy"),
		"insecure":              withCluster("insecure-skip-tls-verify: true", "insecure-skip-tls-verify", "insecure"),
		"insecure as a text":    withCluster("insecure-skip-tls-verify: 'true'", "insecure-skip-tls-verify", "type"),
		"insecure as yes":       withCluster("insecure-skip-tls-verify: yes", "insecure-skip-tls-verify", "type"),
		"authority not PEM":     withCluster("certificate-authority-data: YWJj", "certificate-authority-data", "pem"),
		"authority not base64":  withCluster("certificate-authority-data: a.pem", "certificate-authority-data", "base64"),
		"authority of a number": withCluster("certificate-authority-data: 1", "certificate-authority-data", "type"),
		"TLS server name":       withCluster("tls-server-name: 'a b'", "tls-server-name", "server_name"),
		"unknown cluster field": withCluster("api-version: v1", "api-version", "field"),
		"no server": {
			document{cluster: "extensions: []"}.String(), inCluster + "server", "error_kubeconfig_server",
		},
	}
}

func hostileServers() map[string]hostile {
	all := map[string]hostile{}
	for message, addresses := range map[string][]string{
		"error_kubeconfig_http": {"http://192.0.2.1", "HTTP://192.0.2.1:8080", "http://169.254.169.254/latest/meta-data"},
		"error_kubeconfig_server": {
			"192.0.2.1:6443", "//192.0.2.1", "ftp://192.0.2.1", "file:///etc/shadow", "unix:///run/containerd.sock",
			"https:192.0.2.1",
			`https:\\192.0.2.1`, "https://192.0.2.1\t", " https://192.0.2.1",
			"gopher://192.0.2.1", "", "https://kube.example%00.evil",
		},
		"error_kubeconfig_server_user": {
			"https://user:pass@192.0.2.1", "https://192.0.2.1@169.254.169.254", "https://@192.0.2.1",
		},
		"error_kubeconfig_server_query": {
			"https://192.0.2.1?x=y", "https://192.0.2.1/?", "https://192.0.2.1#@169.254.169.254",
		},
		"error_kubeconfig_server_path": {
			"https://192.0.2.1/../x", "https://192.0.2.1/a/%2e%2e/b", "https://192.0.2.1//x", "https://192.0.2.1/a;b",
			"https://192.0.2.1/ä", "https://192.0.2.1/./a",
		},
		"error_kubeconfig_server_host": {
			"https://", "https://:6443", "https://2852039166", "https://0xA9.0xFE.0xA9.0xFE", "https://0251.0376.0251.0376",
			"https://169.254.43518", "https://[fe80::1%25eth0]", "https://ｋube.example", "https://кube.example",
			"https://a..b", "https://-a", "https://a_b", "https://*.example", "https://192.0.2.1:0", "https://192.0.2.1:66000",
			"https://192.0.2.1:", "https://①⑥⑨.254.169.254", "https://" + strings.Repeat("a", 300),
		},
		"error_kubeconfig_server_guard": {
			"https://169.254.169.254", "https://[::ffff:169.254.169.254]", "https://[fe80::1]", "https://[fd00:ec2::254]",
			"https://100.100.100.200", "https://0.0.0.0:6443", "https://[::]", "https://224.0.0.1", "https://255.255.255.255",
			"https://127.0.0.1", "https://127.1.2.3:443", "https://[::1]:6443", "https://[64:ff9b::a9fe:a9fe]",
			"https://[2002:a9fe:a9fe::]", "https://[2002:7f00:1::]", "https://[::169.254.169.254]", "https://168.63.129.16",
			"https://192.0.0.192", "https://[fd20:ce::254]", "https://[ff02::1]",
		},
	} {
		for _, address := range addresses {
			if len(address) > 60 {
				all["a long name"] = hostile{server(address), inCluster + "server", message}
				continue
			}
			all["server "+address] = hostile{server(address), inCluster + "server", message}
		}
	}
	return all
}

func hostileYAML() map[string]hostile {
	good := document{}.String()
	whole := func(message string, text string) hostile { return hostile{text, kubeconfig.Field, message} }
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9))
	}
	return map[string]hostile{
		"billion laughs":     whole("error_yaml_alias", bomb+good),
		"anchor":             whole("error_yaml_alias", user("token: &t abc")),
		"alias":              whole("error_yaml_alias", user("token: &t abc, exec: *t")),
		"alias of a key":     whole("error_yaml_alias", "x: &k exec\n"+user("token: abc, *k : {}")),
		"alias to itself":    whole("error_yaml_alias", "extensions: &a [*a]\n"+good),
		"alias of nothing":   whole("error_yaml_anchor", user("token: *t")),
		"merge":              whole("error_yaml_merge", user("token: abc, <<: {exec: {command: x}}")),
		"merge of an anchor": whole("error_yaml_alias", "x: &x {exec: {}}\n"+user("token: abc, <<: *x")),
		"duplicate key":      whole("error_yaml_twice", user("token: abc, token: def")),
		"duplicate section":  whole("error_yaml_twice", good+"users: []\n"),
		"two documents":      whole("error_yaml_many", good+"---\n"+good),
		"after the end":      whole("error_yaml_many", good+"...\nexec: {}\n"),
		"too deep":           whole("error_yaml_deep", "x: "+strings.Repeat("[", 30)+strings.Repeat("]", 30)+"\n"+good),
		"very deep":          whole("error_yaml", strings.Repeat("[", 20_000)),
		"too large":          whole("error_yaml_large", good+"#"+strings.Repeat("x", kubeconfig.MaxBytes)),
		"too many parts":     whole("error_yaml_parts", good+strings.Repeat("- {}\n", 60_000)),
		"a long text":        whole("error_yaml_long", user("token: "+strings.Repeat("a", 600<<10))),
		"no YAML":            whole("error_yaml_line", "apiVersion: ["),
		"a list as a key":    whole("error_yaml_line", "? [a]\n: b\n"+good),
		"nothing":            whole("error_yaml_none", " \n"),
		"not UTF-8":          whole("error_text", good+"# \xff\xfe\n"),
		"NUL":                whole("error_text", good+"# \x00\n"),
		"UTF-16":             whole("error_text", "\xff\xfea\x00p\x00i\x00"),
	}
}

func inContext(fields, field, message string) hostile {
	return hostile{document{context: fields}.String(), "contexts[0].context." + field, message}
}

func hostileFiles() map[string]hostile {
	two := strings.Replace(document{}.String(), "contexts: [", "contexts: [{name: b, context: {cluster: c, user: u}}, ", 1)
	return map[string]hostile{
		"a text":           {"hello", kubeconfig.Field, "error_kubeconfig_type"},
		"a list":           {"[]", kubeconfig.Field, "error_kubeconfig_type"},
		"another kind":     {"apiVersion: v1\nkind: Secret\n", "kind", "error_kubeconfig_kind"},
		"another version":  {"apiVersion: v2\nkind: Config\n", "apiVersion", "error_kubeconfig_kind"},
		"a Secret":         {"apiVersion: v1\nkind: Secret\ndata: {a: b}\n", "data", "error_kubeconfig_field"},
		"no contexts":      {"apiVersion: v1\nkind: Config\n", kubeconfig.Field, "error_kubeconfig_no_context"},
		"unknown section":  {document{top: "plugins: []\n"}.String(), "plugins", "error_kubeconfig_field"},
		"several contexts": {two, "context", "error_kubeconfig_contexts"},
		"context twice":    {strings.Replace(two, "name: b", "name: a", 1), "contexts[1].name", "error_kubeconfig_twice"},
		"cluster twice": {
			strings.Replace(document{}.String(), "clusters: [", "clusters: [{name: c, cluster: {}}, ", 1),
			"clusters[1].name", "error_kubeconfig_twice",
		},
		"hidden name": {
			strings.Replace(document{}.String(), "contexts: [{name: a", "contexts: [{name: \"a\u202Eb\"", 1),
			"contexts[0].name", "error_kubeconfig_name",
		},
		"unknown cluster":   inContext("cluster: d, user: u", "cluster", "error_kubeconfig_no_cluster"),
		"unknown user":      inContext("cluster: c, user: v", "user", "error_kubeconfig_no_user"),
		"field of contexts": inContext("cluster: c, user: u, exec: {}", "exec", "error_kubeconfig_exec"),
		"clusters a map":    {"apiVersion: v1\nkind: Config\nclusters: {a: b}\n", "clusters", "error_kubeconfig_type"},
		"user a text": {
			strings.Replace(document{}.String(), "user: {token: abc}", "user: abc", 1), "users[0].user", "error_kubeconfig_type",
		},
	}
}

// read does with a kubeconfig what an import does.
func read(text string) error {
	f, err := kubeconfig.Read(text)
	if err != nil {
		return err
	}
	c, err := f.Choose("")
	if err != nil {
		return err
	}
	_, err = f.Access(c, kubeconfig.Terms{})
	return err
}

// Every hostile kubeconfig is refused with the name of what is wrong, and nothing
// else happens: no file is opened, no program is started, and nobody connects.
func TestHostile(t *testing.T) {
	canary, opened := canaries(t)
	listener, connections := listen(t)
	t.Setenv("HTTPS_PROXY", "http://"+listener)
	t.Setenv("KUBECONFIG", filepath.Join(canary, "secret"))
	all := collection(canary, listener)
	require.GreaterOrEqual(t, len(all), 60)
	for name, h := range all {
		t.Run(name, func(t *testing.T) {
			err := read(h.text)
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			fields := services.AsError(err).Fields
			at := slices.IndexFunc(fields, func(f services.FieldError) bool { return f.Field == h.field })
			require.GreaterOrEqual(t, at, 0, "%s is not among %v", h.field, fields)
			require.Equal(t, h.message, fields[at].Text)
		})
	}
	require.Empty(t, opened(), "files were opened")
	require.Zero(t, connections(), "connections were made")
	require.NoFileExists(t, filepath.Join(canary, "ran"))
}

// The watch of TestHostile finds what it is there to find.
func TestHostile_isWatched(t *testing.T) {
	canary, opened := canaries(t)
	listener, connections := listen(t)
	_, err := os.ReadFile(filepath.Join(canary, "secret"))
	require.NoError(t, err)
	conn, err := net.Dial("tcp", listener)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Contains(t, opened(), "secret")
	require.Eventually(t, func() bool { return connections() == 1 }, dialWait, dialWait/100)
}

// canaries makes a directory with a secret and a program, and returns the names of
// the files that were opened or executed since.
func canaries(t *testing.T) (dir string, opened func() []string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600))
	script := "#!/bin/sh\n: > " + filepath.Join(dir, "ran") + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "program"), []byte(script), 0o700))
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	_, err = syscall.InotifyAddWatch(fd, dir, syscall.IN_OPEN|syscall.IN_ACCESS|syscall.IN_CREATE)
	require.NoError(t, err)
	return dir, func() []string { return events(t, fd) }
}

// events returns the file names of the events of an inotify descriptor.
func events(t *testing.T, fd int) (names []string) {
	t.Helper()
	buffer := make([]byte, 64<<10)
	n, err := syscall.Read(fd, buffer)
	if err == syscall.EAGAIN {
		return nil
	}
	require.NoError(t, err)
	for rest := buffer[:n]; len(rest) >= syscall.SizeofInotifyEvent; {
		length := int(rest[12]) | int(rest[13])<<8 // of the name, the last field of the header
		end := syscall.SizeofInotifyEvent + length
		name := strings.TrimRight(string(rest[syscall.SizeofInotifyEvent:end]), "\x00")
		names, rest = append(names, name), rest[end:]
	}
	return names
}
