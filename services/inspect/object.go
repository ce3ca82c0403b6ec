package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"kube-node-manager/cache"
	"kube-node-manager/services/kube"
)

// Bounds of what is kept of one node. A kubelet reports 50 images by default, but may be
// told to report all of them.
const (
	ImagesShown  = 500
	ManifestSize = 256 << 10 // bytes of each of its texts
)

// Object is what is read of a node only when somebody looks at its images or its manifest.
type Object struct {
	Images     []Image // the largest first; at most ImagesShown
	ImageCount int
	ImageBytes int64 // of all images
	Manifest   Manifest
	version    string // resource version of the node
}

// Image is a container image on a node.
type Image struct {
	Name   string   `json:"name"`             // the shortest with a tag, or else the digest
	Others []string `json:"others,omitempty"` // its other names
	Bytes  int64    `json:"sizeBytes"`
}

// Manifest is a node as YAML, as kubectl prints it.
type Manifest struct {
	YAML    string `json:"yaml"` // without managedFields
	Managed string `json:"-"`    // managedFields
	Cut     bool   `json:"cut"`  // the text was too long, and ends early
}

// Object reads a node for its images and its manifest. They are never older than the node
// that Nodes returns.
//
// Errors: CodeForbidden, CodeNotFound.
func (s *Service) Object(ctx context.Context, cluster, name string, fresh bool) (Part[Object], error) {
	n, err := s.nodes.GetQuick(ctx, cluster, name, false)
	if err != nil {
		return Part[Object]{}, err
	}
	key := cache.Key{Cluster: cluster, Kind: kindObject, Name: name}
	load := func(ctx context.Context, c *kube.Client) (Object, error) {
		n, err := c.GetNode(ctx, name)
		if err != nil {
			return Object{}, err
		}
		return newObject(n)
	}
	part, err := read(ctx, s, key, fresh, load)
	if err == nil && kube.Older(part.Value.version, n.ResourceVersion) {
		return read(ctx, s, key, true, load)
	}
	return part, err
}

func newObject(n *corev1.Node) (Object, error) {
	o := Object{ImageCount: len(n.Status.Images), version: n.ResourceVersion}
	for _, image := range n.Status.Images {
		o.ImageBytes += image.SizeBytes
		o.Images = append(o.Images, newImage(image))
	}
	slices.SortStableFunc(o.Images, func(a, b Image) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Name, b.Name))
	})
	o.Images = slices.Clip(o.Images[:min(ImagesShown, len(o.Images))])
	var err error
	o.Manifest, err = newManifest(n)
	return o, err
}

// newImage names an image by a name with a tag, which says more than a digest.
func newImage(i corev1.ContainerImage) Image {
	names := slices.Clone(i.Names)
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(
			cmp.Compare(strings.Count(a, "@"), strings.Count(b, "@")), cmp.Compare(len(a), len(b)), strings.Compare(a, b),
		)
	})
	if len(names) == 0 {
		return Image{Bytes: i.SizeBytes}
	}
	return Image{Name: names[0], Others: names[1:], Bytes: i.SizeBytes}
}

func newManifest(n *corev1.Node) (Manifest, error) {
	shown := n.DeepCopy()
	shown.APIVersion, shown.Kind, shown.ManagedFields = "v1", "Node", nil
	text, err := yaml.Marshal(shown)
	if err != nil {
		return Manifest{}, fmt.Errorf("write the manifest of a node: %w", err)
	}
	managed := ""
	if len(n.ManagedFields) > 0 {
		raw, err := yaml.Marshal(map[string]any{"managedFields": n.ManagedFields})
		if err != nil {
			return Manifest{}, fmt.Errorf("write the managed fields of a node: %w", err)
		}
		managed, _ = bounded(string(raw))
	}
	m := Manifest{Managed: managed}
	m.YAML, m.Cut = bounded(string(text))
	return m, nil
}

// bounded cuts a text that is too long after the last line that fits, or within that.
func bounded(text string) (short string, cut bool) {
	if len(text) <= ManifestSize {
		return text, false
	}
	text = text[:ManifestSize]
	end := strings.LastIndexByte(text, '\n')
	if end > 0 {
		return text[:end+1], true
	}
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text, true
}
