package ui

import (
	"context"
	"embed"
	"io/fs"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// The languages that the product speaks.
const (
	LocaleEnglish = "en"
	LocaleChinese = "zh-CN"
)

// Locales lists the languages, the default first.
func Locales() []string { return []string{LocaleEnglish, LocaleChinese} }

//go:embed messages/*.json
var messageFiles embed.FS

// catalog returns the loaded messages. They are built once and only read
// afterwards, so requests can share them.
var catalog = sync.OnceValue(loadCatalog)

// texts are the messages of one language.
type texts struct {
	*i18n.Localizer

	// fixed are those that were asked for without arguments, by id. A large table needs
	// thousands of them.
	fixed sync.Map
}

// loadCatalog reads every message file. It panics on a broken file, because that
// is a mistake in the build; the tests load the same files.
func loadCatalog() map[string]*texts {
	bundle := i18n.NewBundle(language.English)
	paths, err := fs.Glob(messageFiles, "messages/*.json")
	if err != nil {
		panic("ui: " + err.Error())
	}
	for _, path := range paths {
		if _, err := bundle.LoadMessageFileFS(messageFiles, path); err != nil {
			panic("ui: " + path + ": " + err.Error())
		}
	}
	languages := make(map[string]*texts, len(Locales()))
	for _, tag := range Locales() {
		languages[tag] = &texts{Localizer: i18n.NewLocalizer(bundle, tag)}
	}
	return languages
}

type localeKey struct{}

// WithLocale returns a context whose texts are in the language tag; a tag that
// is not one of Locales means English.
func WithLocale(ctx context.Context, tag string) context.Context {
	return context.WithValue(ctx, localeKey{}, tag)
}

// Locale returns the context's language tag, "en" when it has none.
func Locale(ctx context.Context) string {
	tag, _ := ctx.Value(localeKey{}).(string)
	if tag == LocaleChinese {
		return tag
	}
	return LocaleEnglish
}

// localeMatcher finds the best of Locales.
var localeMatcher = sync.OnceValue(func() language.Matcher {
	return language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese})
})

// MatchLocale returns the language of the cookie if it names one, else the best
// match for the Accept-Language header, else English.
func MatchLocale(cookie, acceptLanguage string) string {
	if cookie == LocaleEnglish || cookie == LocaleChinese {
		return cookie
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return LocaleEnglish
	}
	_, index, _ := localeMatcher().Match(tags...)
	return Locales()[index]
}

// T returns the message with an id in the context's language; args are key-value
// pairs for its placeholders. For a message that does not exist it returns the id,
// so that the gap is visible and the page still works.
func T(ctx context.Context, id string, args ...any) string {
	if len(args) > 0 {
		return translate(ctx, id, services.Args(args...), nil)
	}
	fixed := &catalog()[Locale(ctx)].fixed
	if text, ok := fixed.Load(id); ok {
		return text.(string)
	}
	text := translate(ctx, id, nil, nil)
	if text != id { // the number of messages is limited, that of wrong ids is not
		fixed.Store(id, text)
	}
	return text
}

// N is T for a message with a count: n selects the plural form and is the
// placeholder {{.Count}}, formatted by Number.
func N(ctx context.Context, id string, n int, args ...any) string {
	data := services.Args(args...)
	if data == nil {
		data = make(map[string]any, 1)
	}
	data["Count"] = Number(n)
	return translate(ctx, id, data, n)
}

// Text translates a stored sentence.
func Text(ctx context.Context, t store.Text) string {
	return translate(ctx, t.ID, t.Args, nil)
}

// HasMessage reports whether the message exists in any language.
func HasMessage(ctx context.Context, id string) bool {
	text, _ := localize(ctx, id, nil, nil)
	return text != ""
}

func translate(ctx context.Context, id string, data map[string]any, count any) string {
	text, err := localize(ctx, id, data, count)
	if text == "" && err != nil {
		return id
	}
	// A placeholder without a value is a mistake of ours, but nobody should have
	// to read "<no value>".
	return strings.ReplaceAll(text, "<no value>", "–")
}

func localize(ctx context.Context, id string, data map[string]any, count any) (string, error) {
	return catalog()[Locale(ctx)].Localize(&i18n.LocalizeConfig{
		MessageID: id, TemplateData: plain(data), PluralCount: count,
	})
}

// plain turns whole numbers of type float64 back into integers: JSON has made them
// of the integers in stored sentences.
func plain(data map[string]any) map[string]any {
	if data == nil {
		return nil
	}
	out := make(map[string]any, len(data))
	for key, value := range data {
		if f, ok := value.(float64); ok && f == float64(int64(f)) {
			value = int64(f)
		}
		out[key] = value
	}
	return out
}
