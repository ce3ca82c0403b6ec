package ui

import (
	"bytes"
	"context"
	"strings"

	"github.com/a-h/templ"
)

// Base is the path below which people reach the program, such as "/nodes" in
// https://ops.example/nodes. The whole program names its addresses as if it were at
// "/"; they get the base where they leave it (Render, Outside) and lose it where
// they come in (Inside). So no link can forget the base. A nil Base adds nothing.
type Base struct {
	path  string
	links *strings.Replacer
}

// NewBase returns the Base of a path without a slash at its end, or nil for "".
func NewBase(path string) *Base {
	if path == "" {
		return nil
	}
	var pairs []string
	for _, begin := range linkBeginnings() {
		pairs = append(pairs, begin+"/", begin+path+"/")
	}
	return &Base{path: path, links: strings.NewReplacer(pairs...)}
}

// linkBeginnings are how the addresses in our HTML begin. Nothing else can look like
// them: templ escapes every quotation mark in texts and values.
func linkBeginnings() []string {
	begin := []string{` content="2;url=`}
	for _, name := range linkAttributes() {
		begin = append(begin, " "+name+`="`)
	}
	return begin
}

// linkAttributes are the attributes whose values are addresses.
func linkAttributes() []string {
	return []string{
		"href", "src", "action", "formaction", "hx-get", "hx-post", "data-stream", "data-names", "data-load", "data-keep",
		"data-href",
	}
}

// Path returns the base as the path of a cookie: "/nodes", or "/" for a nil Base.
func (b *Base) Path() string {
	if b == nil {
		return HomeURL
	}
	return b.path
}

// Outside returns a path of the program as browsers know it. Other addresses stay as
// they are.
func (b *Base) Outside(path string) string {
	if b == nil || !strings.HasPrefix(path, "/") {
		return path
	}
	return b.path + path
}

// Inside returns a path without the base, and whether it was below the base.
func (b *Base) Inside(path string) (inside string, below bool) {
	if b == nil {
		return path, true
	}
	rest, found := strings.CutPrefix(path, b.path)
	switch {
	case found && rest == "":
		return HomeURL, true
	case found && rest[0] == '/':
		return rest, true
	default:
		return path, false
	}
}

type baseKey struct{}

// WithBase returns a context whose pages are below a base.
func WithBase(ctx context.Context, b *Base) context.Context {
	return context.WithValue(ctx, baseKey{}, b)
}

func baseFrom(ctx context.Context) *Base {
	b, _ := ctx.Value(baseKey{}).(*Base)
	return b
}

// Outside returns a path of the program as browsers and scripts know it. Pages do not
// need it; see Render.
func Outside(ctx context.Context, path string) string { return baseFrom(ctx).Outside(path) }

// Render returns the HTML of a component, with addresses below the context's base.
// Every page and every fragment is rendered here.
func Render(ctx context.Context, c templ.Component) ([]byte, error) {
	var out bytes.Buffer
	if err := c.Render(ctx, &out); err != nil {
		return nil, err
	}
	if b := baseFrom(ctx); b != nil {
		return []byte(b.links.Replace(out.String())), nil
	}
	return out.Bytes(), nil
}
