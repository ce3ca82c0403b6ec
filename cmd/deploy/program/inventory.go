package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// rootsModule has the certificate authorities of the image.
const rootsModule = "golang.org/x/crypto/x509roots/fallback"

// inventory lists what is in the image of one platform, as CycloneDX: the modules in the
// program, the standard library, time zones and certificates. All of it is read from the
// program itself and from this one.
func inventory(program []byte, o origin) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, err
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: o.created.Format(time.RFC3339),
		Component: &cdx.Component{Type: cdx.ComponentTypeContainer, Name: programName, Version: o.version},
	}
	components := []cdx.Component{
		{Type: cdx.ComponentTypeApplication, Name: programName, Version: o.version, BOMRef: programName},
		{Type: cdx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion, PackageURL: purl("std", info.GoVersion[2:])},
		{Type: cdx.ComponentTypeData, Name: "zoneinfo", Version: info.GoVersion},
	}
	for _, module := range append(info.Deps, ownModule(rootsModule)) {
		components = append(components, component(module))
	}
	bom.Components = &components
	var out bytes.Buffer
	err = cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return out.Bytes(), err
}

func component(module *debug.Module) cdx.Component {
	if module.Replace != nil {
		module = module.Replace
	}
	c := cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: module.Path, Version: module.Version,
		PackageURL: purl(module.Path, module.Version),
	}
	// The hash of a module in go.sum is a SHA-256 over the hashes of its files.
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:"))
	if err == nil && len(sum) > 0 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return c
}

// purl returns the package URL of a module.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// ownModule returns a module of which this program is made.
func ownModule(path string) *debug.Module {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == path {
			return module
		}
	}
	return &debug.Module{Path: path, Version: cmp.Or(info.Main.Version, "unknown")}
}
