package acceptance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is one Chromium, which tests share; each of its tabs has cookies of
// its own.
type browser struct {
	t   testing.TB
	ctx context.Context
}

// Without a screen Chromium cannot know what it is used with.
const (
	withMouse  = "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"
	withFinger = "primaryHoverType=1,availableHoverTypes=1,primaryPointerType=2,availablePointerTypes=2"
)

// startBrowser gives the Chromium that has a mouse.
func startBrowser(t testing.TB) *browser { t.Helper(); return startBrowserWith(t, withMouse) }

func startBrowserWith(t testing.TB, input string) *browser {
	t.Helper()
	c, err := chromiums.start(input)
	require.NoError(t, err)
	return &browser{t: t, ctx: c.ctx}
}

// chromiums are the running ones, by what they are used with. Each starts when a
// test first asks for it, and ends with the process: see TestMain.
var chromiums = chromiumSet{running: map[string]*chromium{}}

type chromiumSet struct {
	mu      sync.Mutex
	running map[string]*chromium
}

// chromium is a running one.
type chromium struct {
	ctx  context.Context
	stop context.CancelFunc
	data string
}

// start gives the one that runs, or a new one where there is none or it died.
func (s *chromiumSet) start(input string) (*chromium, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.running[input]; ok && c.ctx.Err() == nil {
		return c, nil
	}
	data, err := os.MkdirTemp("", "chromium-")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), // "make chromium" installs it
		chromedp.UserDataDir(data),
		chromedp.WSURLReadTimeout(patience),
		chromedp.WindowSize(1440, 900),
		chromedp.Flag("lang", "en-US"),
		chromedp.Flag("blink-settings", input),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it does not start as root otherwise
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, err
	}
	s.running[input] = &chromium{ctx: ctx, stop: stop, data: data}
	return s.running[input], nil
}

// stop ends all of them, once no test needs them.
func (s *chromiumSet) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for input, c := range s.running {
		end, cancel := context.WithTimeout(c.ctx, patience)
		_ = chromedp.Cancel(end) // what cannot be closed in order is killed with its allocator
		cancel()
		c.stop()
		_ = os.RemoveAll(c.data) // a helper process may still write there
		delete(s.running, input)
	}
}

// tab is one page of the program in a browser. Whatever the browser complains
// about in it (exceptions, errors, violations of the content policy) fails the
// test when it ends.
type tab struct {
	t   testing.TB
	p   *program
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	expected   []string
}

// tab opens an empty page, as another person's browser would.
func (b *browser) tab(p *program) *tab {
	b.t.Helper()
	x := &tab{t: b.t, p: p}
	// the browser's, on a machine that stalls
	x.expect("was preloaded using link preload but not used within a few seconds")
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(x.listen))
	x.ctx = ctx
	x.t.Cleanup(func() {
		cancel()
		x.mu.Lock()
		defer x.mu.Unlock()
		require.Empty(x.t, x.complaints, "the browser's console")
	})
	x.do(chromedp.EmulateViewport(1440, 900))
	// Windows of other tests come and go; each page is to act as the one in front.
	_, err := chromedp.Call(x.ctx, emulation.SetFocusEmulationEnabled,
		emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(x.t, err)
	return x
}

// listen notes what the browser complains about.
func (x *tab) listen(ev any) {
	text := ""
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		text = "exception: " + ev.ExceptionDetails.Text
		if e := ev.ExceptionDetails.Exception; e != nil {
			text += " " + e.Description
		}
	case *runtime.EventConsoleAPICalled:
		if ev.Type != "error" && ev.Type != "warning" && ev.Type != "assert" {
			return
		}
		text = fmt.Sprintf("console.%s:", ev.Type)
		for _, arg := range ev.Args {
			text += " " + arg.Description + string(arg.Value)
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level != "error" && ev.Entry.Level != "warning" {
			return
		}
		text = fmt.Sprintf("%s: %s (%s)", ev.Entry.Source, ev.Entry.Text, ev.Entry.URL)
	default:
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.ContainsFunc(x.expected, func(part string) bool { return strings.Contains(text, part) }) {
		x.complaints = append(x.complaints, text)
	}
}

// expect names complaints that the test causes on purpose.
func (x *tab) expect(parts ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.expected = append(x.expected, parts...)
}

// do runs steps, as patient as every wait here.
func (x *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	x.t.Helper()
	if err := chromedp.Do(x.ctx); err != nil { // the tab must not begin under the limit below, and end with it
		require.NoError(x.t, err)
	}
	ctx, cancel := context.WithTimeout(x.ctx, patience)
	defer cancel()
	require.NoError(x.t, chromedp.Do(ctx, steps...), "%s", x.seen())
}

// open goes to a path and waits until it is loaded.
func (x *tab) open(path string) {
	x.t.Helper()
	x.do(chromedp.Navigate(x.p.URL + path))
}

// signIn signs the administrator in through the form.
func (x *tab) signIn() *tab {
	x.t.Helper()
	x.open("/login")
	x.fill("#f-name", adminName)
	x.fill("#f-password", adminPassword)
	x.press("form.card button.primary")
	x.until(`location.pathname !== "/login" && document.readyState === "complete"`)
	return x
}

// fill types into a field. A field that is replaced before that is found again.
func (x *tab) fill(selector, text string) {
	x.t.Helper()
	x.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		for {
			_, err := chromedp.SendKeys(chromedp.CSS(selector), text)(ctx, t)
			if err == nil || !strings.Contains(err.Error(), "Could not find node with given id") {
				return chromedp.Void{}, err
			}
		}
	})
}

// press clicks the middle of an element with the mouse. Whoever presses a button
// that is replaced under the pointer presses it again, and so does this: the
// page itself says whether the element was clicked.
func (x *tab) press(selector string) {
	x.t.Helper()
	x.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		for {
			err := x.click(ctx, t, selector)
			if err == nil || ctx.Err() != nil {
				return chromedp.Void{}, err
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// noteClicks notes in the page that a click arrived at an element. Another page
// that comes of the click knows nothing of it, and one that may not run scripts
// is believed: its listeners are not called, not even at once.
const noteClicks = `((selector) => {
	window.awaitsClick = false;
	window.addEventListener("click", (e) => {
		if (e.target.closest(selector)) window.awaitsClick = false;
	}, { capture: true, once: true });
	window.addEventListener("listens", () => { window.awaitsClick = true; }, { once: true });
	window.dispatchEvent(new Event("listens"));
})(%q)`

var errNotClicked = errors.New("the click went elsewhere")

func (x *tab) click(ctx context.Context, t *chromedp.Target, selector string) error {
	if _, err := chromedp.Evaluate[any](fmt.Sprintf(noteClicks, selector))(ctx, t); err != nil {
		return err
	}
	if _, err := chromedp.Click(chromedp.CSS(selector))(ctx, t); err != nil {
		return err
	}
	missed, err := chromedp.Evaluate[bool](`window.awaitsClick === true`)(ctx, t)
	if err == nil && missed {
		return errNotClicked
	}
	return nil
}

// key presses a key as a keyboard does, on whatever has the focus: a page that
// takes the key for itself keeps its letter from being typed. text is what the
// key types, if anything.
func (x *tab) key(name, code, text string, number int64) {
	x.t.Helper()
	x.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		params := input.DispatchKeyEventParams{
			Type: input.DispatchKeyEventTypeKeyDown,
			Key:  name, Code: code, Text: text, WindowsVirtualKeyCode: number,
		}
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, params); err != nil {
			return chromedp.Void{}, err
		}
		params.Type, params.Text = input.DispatchKeyEventTypeKeyUp, ""
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, params)
		return chromedp.Void{}, err
	})
}

func (x *tab) letter(letter rune) {
	x.t.Helper()
	x.key(string(letter), "Key"+strings.ToUpper(string(letter)), string(letter), int64(letter)-'a'+'A')
}

func (x *tab) escape()    { x.t.Helper(); x.key("Escape", "Escape", "", 27) }
func (x *tab) backspace() { x.t.Helper(); x.key("Backspace", "Backspace", "", 8) }
func (x *tab) enter()     { x.t.Helper(); x.key("Enter", "Enter", "\r", 13) }

// value evaluates JavaScript.
func value[T any](x *tab, js string) T {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	require.NoError(x.t, err, js)
	return v
}

// until waits until JavaScript is true, over as many loads of the page as it
// takes.
func (x *tab) until(js string) {
	x.t.Helper()
	var last error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(x.ctx, patience)
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
		cancel()
		if is && err == nil {
			return
		}
		last = err
	}
	require.Fail(x.t, "it did not come to that", "%s\nlast error: %v\n%s", js, last, x.seen())
}

// seen gives what the page shows, for a test that fails.
func (x *tab) seen() string {
	ctx, cancel := context.WithTimeout(x.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx,
		chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText.slice(0, 4000)`))
	if err != nil {
		return err.Error()
	}
	return text
}

// nodesPath is the path of a cluster's table.
func nodesPath(cluster string) string { return "/clusters/" + cluster + "/nodes" }

// openNodes shows the table of a cluster and waits until every part of it is
// there and the page follows the cluster.
func (x *tab) openNodes(cluster, query string) {
	x.t.Helper()
	x.open(nodesPath(cluster) + query)
	x.settled()
}

func (x *tab) settled() {
	x.t.Helper()
	x.until(`document.body.dataset.live === "on" && !document.querySelector("#nodes .wait") && ` +
		`document.querySelector("#nodes").getAttribute("aria-busy") !== "true"`)
}

// statusOf is the STATUS column of the table by node, as a person reads it.
const statusOf = `Object.fromEntries([...document.querySelectorAll("#nodes tr[data-node]")].map(
	(r) => [r.dataset.node, r.querySelector(".status .st > span:not(.word)").textContent]))`

// untilRows waits until the table shows exactly these nodes with that status.
func (x *tab) untilRows(want string, names ...string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`((rows, names) => Object.keys(rows).length === names.length && `+
		`names.every((n) => rows[n] === %q))(%s, %s)`, want, statusOf, jsList(names)))
}

func jsList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func box(name string) string { return fmt.Sprintf(`#nodes input[name=node][value=%q]`, name) }

// tick ticks nodes with the mouse.
func (x *tab) tick(names ...string) {
	x.t.Helper()
	for _, name := range names {
		x.press(box(name))
	}
}

// operate presses a button of the selection bar.
func (x *tab) operate(operation string) {
	x.t.Helper()
	x.press(fmt.Sprintf("#bar button[value=%s]", operation))
}

// agree goes on from the plan that is shown of what reaches far.
func (x *tab) agree() {
	x.t.Helper()
	x.until(`document.querySelector("#plan-reach") && document.querySelector("#plan-do")`)
	x.press("#plan-do")
}

// untilBatch waits until the progress panel is in a state, and gives the batch.
func (x *tab) untilBatch(state string) string {
	x.t.Helper()
	x.until(fmt.Sprintf(`document.querySelector("#progress [data-batch]")?.dataset.state === %q`, state))
	return value[string](x, `document.querySelector("#progress [data-batch]").dataset.batch`)
}
