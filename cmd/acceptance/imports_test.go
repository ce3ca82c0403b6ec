package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module   = "kube-node-manager/"
	forTest  = "services/kube/kubetest"
	forViews = "views/viewstest"
	forAPI   = "handlers/openapi/openapitest"
	forLDAP  = "services/ldap/ldaptest"

	forStore    = "services/store/storetest"
	forPostgres = "services/store/storetest/postgres"
)

// viewRooms are the rooms of views from the ground up: each may import those
// before it and none after it.
var viewRooms = []string{
	"views/ui", "views/batches", "views/nodes", "views/plan", "views/templates", "views/people", "views/admin",
	"views/rules",
}

// rooms says which of our packages each of our packages may import. A name
// that ends with "/..." stands for a package and all below it. A new package
// needs a line here.
var rooms = map[string][]string{
	"cmd/kube-node-manager": {"web"},
	"cmd/kubectl-node_mgr":  {}, // a client: it knows the program by what it answers
	"cmd/devpostgres":       {forPostgres},
	"cmd/acceptance":        {}, // from outside, so it knows the program by what it answers

	"web":      {"handlers", "views/...", "services/...", "cache", "static"},
	"handlers": {"handlers/openapi", "views/...", "services/..."},

	"handlers/openapi": {},
	forAPI:             {},

	// Within views imports run down only: see viewRooms.
	"views/ui": {"services", "services/change", "services/node", "services/store"},
	"views/batches": {
		"views/ui", "services", "services/batch", "services/change", "services/node", "services/operation/...",
		"services/store",
	},
	"views/nodes": {
		"views/ui", "views/batches", "services/batch", "services/inspect", "services/node", "services/operation",
		"services/operation/drain", "services/saved", "services/store",
	},
	"views/plan": {
		"views/ui", "views/batches", "services", "services/batch", "services/change", "services/fit", "services/node",
		"services/operation/...", "services/rule",
	},
	"views/templates": {"views/ui", "services/operation", "services/template"},
	"views/people":    {"views/ui", "services", "services/account", "services/store"},
	"views/admin": {
		"views/ui", "services", "services/audit", "services/batch", "services/cluster", "services/notify",
		"services/store",
	},
	"views/rules": {"views/ui", "views/nodes", "services/form", "services/rule"},
	forViews:      {"views/ui", "views/batches", "services/..."},

	"static": {},
	"cache":  {},

	"services":            {},
	"services/change":     {},
	"services/form":       {"services"},
	"services/store":      {"services", "services/change"}, // the words of its errors, and what is stored of a node
	"services/kube":       {"services", "services/trace"},
	"services/trace":      {"services"},
	forTest:               {},
	forStore:              {"services/store", forPostgres},
	forPostgres:           {},
	"services/yamltree":   {"services"},
	"services/seal":       {"services"},
	"services/kubeconfig": {"services", "services/yamltree"},
	"services/cluster": {
		"services", "services/kube", "services/kubeconfig", "services/seal", "services/store",
	},
	"services/node": {"services", "services/change", "services/kube", "cache"},
	"services/operation": {
		"services", "services/change", "services/form", "services/kube", "services/node", "services/operation/drain",
	},
	"services/operation/drain": {"services", "services/form", "services/kube", "services/node"},
	"services/fit":             {"services/node"},
	"services/inspect": {
		"services", "services/kube", "services/node", "services/operation", "services/operation/drain",
		"services/rule", "cache",
	},
	"services/batch": {
		"services", "services/change", "services/fit", "services/form", "services/kube", "services/node",
		"services/operation/...", "services/rule", "services/store", "services/trace",
	},
	"services/template":   {"services", "services/operation", "services/store", "services/yamltree"},
	"services/saved":      {"services", "services/store"},
	"services/rule":       {"services", "services/form", "services/kube", "services/operation/drain", "services/store"},
	"services/account":    {"services", "services/seal", "services/store"},
	"services/audit":      {"services", "services/store"},
	"services/oidc":       {"services"},
	"services/ldap":       {"services"},
	forLDAP:               {},
	"services/prometheus": {"services", "services/kubeconfig"},
	"services/notify": {
		"services", "services/batch", "services/form", "services/kubeconfig", "services/seal", "services/store",
	},
}

// kubernetes says which of Kubernetes' modules a package may import. Those that
// are not listed may import none: what they know of nodes they know from us.
var kubernetes = map[string][]string{
	"services/kube":       {"k8s.io/client-go/", "k8s.io/api/", "k8s.io/apimachinery/"},
	forTest:               {"k8s.io/client-go/", "k8s.io/api/", "k8s.io/apimachinery/"},
	"services/kubeconfig": {"k8s.io/client-go/rest"}, // what it makes of one
	"services/cluster": { // to build configurations, and the syntax of labels
		"k8s.io/client-go/rest", "k8s.io/client-go/tools/clientcmd", "k8s.io/apimachinery/pkg/util/validation",
	},
	"services/node": {"k8s.io/api/", "k8s.io/apimachinery/", "k8s.io/component-helpers/"},
	"services/operation": {
		"k8s.io/api/", "k8s.io/apimachinery/", "k8s.io/klog/",
	}, // which the check of tolerations wants
	"services/operation/drain": {"k8s.io/api/", "k8s.io/apimachinery/"},
	"services/fit": {
		"k8s.io/api/", "k8s.io/apimachinery/", "k8s.io/component-helpers/", "k8s.io/klog/",
	}, // the scheduler's own checks
	"services/inspect": {"k8s.io/api/"},
	"services/batch":   {"k8s.io/apimachinery/pkg/util/validation"},
	"services/account": {"k8s.io/apimachinery/pkg/util/validation"}, // of a label's key and value
	"web":              {"k8s.io/klog/"},                            // whose lines go to our log
}

// vague names say nothing of what a package is about.
var vague = []string{"util", "utils", "common", "misc", "helper", "helpers", "base", "lib", "shared", "types"}

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImports_runOneWay(t *testing.T) {
	packages := listPackages(t, "../..")
	require.Greater(t, len(packages), 10, "go list found too little")
	require.Empty(t, violations(packages))
	for _, p := range listPackages(t, "../devcluster") {
		for _, path := range append(p.Imports, p.TestImports...) {
			require.False(
				t, strings.HasPrefix(path, module) && !strings.HasPrefix(path, module+"cmd/devcluster/"), "%s imports %s",
				p.ImportPath, path,
			)
		}
	}
}

// A package may import no more than it does. A grant that nobody uses would let an import
// in unnoticed.
func TestImports_everyGrantIsUsed(t *testing.T) {
	for _, p := range listPackages(t, "../..") {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, grant := range rooms[name] {
			require.True(t, slices.ContainsFunc(p.Imports, func(path string) bool {
				ours, isOurs := strings.CutPrefix(path, module)
				return isOurs && mayImport([]string{grant}, ours)
			}), "%s does not import %s", name, grant)
		}
		for _, grant := range kubernetes[name] {
			require.True(t, slices.ContainsFunc(p.Imports, func(path string) bool {
				return strings.HasPrefix(path, grant)
			}), "%s does not import %s", name, grant)
		}
	}
}

// The rules find what they are there to find.
func TestImports_brokenRulesAreFound(t *testing.T) {
	for want, p := range map[string]goPackage{
		"cache: imports services": {
			ImportPath: "cache", Imports: []string{module + "services"},
		},
		"cache: imports k8s.io/api/core/v1": {
			ImportPath: "cache", Imports: []string{"k8s.io/api/core/v1"},
		},
		"services/kube: imports services/batch": {
			ImportPath: "services/kube", Imports: []string{module + "services/batch"},
		},
		"services/batch: imports k8s.io/client-go/kubernetes": {
			ImportPath: "services/batch", Imports: []string{"k8s.io/client-go/kubernetes"},
		},
		"services/cluster: imports k8s.io/client-go/kubernetes": {
			ImportPath: "services/cluster", Imports: []string{"k8s.io/client-go/kubernetes"},
		},
		"handlers: imports web": {
			ImportPath: "handlers", Imports: []string{module + "web"},
		},
		"handlers: imports cache": {
			ImportPath: "handlers", Imports: []string{module + "cache"},
		},
		"views/plan: imports handlers": {
			ImportPath: "views/plan", Imports: []string{module + "handlers"},
		},
		"views/admin: imports web": {
			ImportPath: "views/admin", Imports: []string{module + "web"},
		},
		"views/nodes: imports services/kube": {
			ImportPath: "views/nodes", Imports: []string{module + "services/kube"},
		},
		"views/ui: imports views/nodes": {
			ImportPath: "views/ui", Imports: []string{module + "views/nodes"},
		},
		"views/batches: imports views/plan": {
			ImportPath: "views/batches", Imports: []string{module + "views/plan"},
		},
		"views/ui: its tests import views/plan": {
			ImportPath: "views/ui", XTestImports: []string{module + "views/plan"},
		},
		"handlers: imports views/viewstest, which is for tests": {
			ImportPath: "handlers", Imports: []string{module + forViews},
		},
		"cmd/kube-node-manager: imports services/store": {
			ImportPath: "cmd/kube-node-manager", Imports: []string{module + "services/store"},
		},
		"handlers: imports handlers/openapi/openapitest, which is for tests": {
			ImportPath: "handlers", Imports: []string{module + forAPI},
		},
		"web: imports services/ldap/ldaptest, which is for tests": {
			ImportPath: "web", Imports: []string{module + forLDAP},
		},
		"web: imports services/kube/kubetest, which is for tests": {
			ImportPath: "web", Imports: []string{module + forTest},
		},
		"services/kube: its tests import web": {
			ImportPath: "services/kube", XTestImports: []string{module + "web"},
		},
		"cmd/acceptance: its tests import services/store": {
			ImportPath: "cmd/acceptance", TestImports: []string{module + "services/store"},
		},
		"services/utils: has no line in the table of rooms":               {ImportPath: "services/utils"},
		"services/utils: its name says nothing of what is in the package": {ImportPath: "services/utils"},
	} {
		p.ImportPath = module + p.ImportPath
		require.Contains(t, violations([]goPackage{p}), want)
	}
	require.Empty(t, violations([]goPackage{{
		ImportPath:  module + "services/batch",
		Imports:     []string{"context", module + "services/operation/drain", module + "services/store"},
		TestImports: []string{module + forTest, module + "services/cluster", "k8s.io/client-go/kubernetes"},
	}}))
}

// violations tells every import that runs against the table.
func violations(packages []goPackage) []string {
	var found []string
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		report := func(format string, args ...any) { found = append(found, name+": "+fmt.Sprintf(format, args...)) }
		if words := strings.Split(name, "/"); slices.Contains(vague, words[len(words)-1]) {
			report("its name says nothing of what is in the package")
		}
		allowed, known := rooms[name]
		if !known {
			report("has no line in the table of rooms")
			continue
		}
		for _, path := range p.Imports {
			switch ours, is := strings.CutPrefix(path, module); {
			case is && slices.Contains([]string{forTest, forViews, forAPI, forLDAP, forStore}, ours):
				report("imports %s, which is for tests", ours)
			case is && !mayImport(allowed, ours):
				report("imports %s", ours)
			case strings.HasPrefix(path, "k8s.io/") && !hasPrefix(path, kubernetes[name]):
				report("imports %s", path)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			ours, is := strings.CutPrefix(path, module)
			free := !is || ours == name || ours == forTest || ours == forAPI || ours == forPostgres
			if !free && !mayImport(testMay(name, allowed), ours) {
				report("its tests import %s", ours)
			}
		}
	}
	return found
}

// testMay returns what the tests of a package may import: those of a service are
// free to put it together with others, and those of a view to show any data.
func testMay(name string, allowed []string) []string {
	switch {
	case strings.HasPrefix(name, "services/"):
		return append(slices.Clone(allowed), "services/...", "cache")
	case strings.HasPrefix(name, "views/"):
		return append(slices.Clone(allowed), "services/...", forViews)
	default:
		return allowed
	}
}

// The table itself lets no room of views import one above it, nor what shows them.
func TestImports_viewsRunDown(t *testing.T) {
	for i, room := range viewRooms {
		for _, allowed := range rooms[room] {
			isView := strings.HasPrefix(allowed, "views")
			require.True(t, !isView || slices.Contains(viewRooms[:i], allowed), "%s may import %s", room, allowed)
			require.True(t, isView || strings.HasPrefix(allowed, "services"), "%s may import %s", room, allowed)
		}
	}
	for name := range rooms {
		known := slices.Contains(viewRooms, name) || name == forViews
		require.True(t, known || !strings.HasPrefix(name, "views"), "%s is not among viewRooms", name)
	}
}

func mayImport(allowed []string, name string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		tree, isTree := strings.CutSuffix(a, "/...")
		return name == tree || isTree && strings.HasPrefix(name, tree+"/")
	})
}

func hasPrefix(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
}

// listPackages asks the go command for the packages of a module.
func listPackages(t *testing.T, dir string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", stderr.String())
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}
