package program

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// Inventory lists what is in something, as CycloneDX: the programs by name, their modules,
// the standard library, and more. Modules and their versions are read from the programs.
func Inventory(o Origin, kind cdx.ComponentType, programs map[string][]byte, more ...cdx.Component) ([]byte, error) {
	bom, name := cdx.NewBOM(), Server
	if _, ok := programs[Server]; !ok {
		name = Plugin
	}
	bom.Metadata = &cdx.Metadata{
		Timestamp: o.Created.Format(time.RFC3339),
		Component: &cdx.Component{Type: kind, Name: name, Version: o.Version},
	}
	var components []cdx.Component
	modules := map[string]*debug.Module{}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		info, err := buildinfo.Read(bytes.NewReader(programs[name]))
		if err != nil {
			return nil, err
		}
		modules["std"] = &debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}
		for _, module := range info.Deps {
			modules[module.Path] = module
		}
		components = append(components, cdx.Component{
			Type: cdx.ComponentTypeApplication, Name: name, Version: o.Version, BOMRef: name,
		})
	}
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		components = append(components, Component(modules[path]))
	}
	components = append(components, more...)
	bom.Components = &components
	var out bytes.Buffer
	err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return out.Bytes(), err
}

// Component describes a module.
func Component(module *debug.Module) cdx.Component {
	if module.Replace != nil {
		module = module.Replace
	}
	c := cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: module.Path, Version: module.Version,
		PackageURL: packageURL(module.Path, module.Version),
	}
	// The hash of a module in go.sum is a SHA-256 over the hashes of its files.
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:"))
	if err == nil && len(sum) > 0 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return c
}

func packageURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// OwnModule returns a module of which this process is made.
func OwnModule(path string) *debug.Module {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == path {
			return module
		}
	}
	return &debug.Module{Path: path, Version: cmp.Or(info.Main.Version, "unknown")}
}
