package acceptance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

// browser is one Chromium process that tests share; each of its tabs has its
// own cookies.
type browser struct {
	t   testing.TB
	ctx context.Context
}

// Without a screen Chromium cannot detect the pointing device.
const (
	withMouse  = "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"
	withFinger = "primaryHoverType=1,availableHoverTypes=1,primaryPointerType=2,availablePointerTypes=2"
)

// startBrowser returns the Chromium with a mouse.
func startBrowser(t testing.TB) *browser { t.Helper(); return startBrowserWith(t, withMouse) }

func startBrowserWith(t testing.TB, input string) *browser {
	t.Helper()
	c, err := chromiums.start(input)
	require.NoError(t, err)
	return &browser{t: t, ctx: c.ctx}
}

// chromiums are the running processes by pointing device. Each starts when a
// test first needs it, and ends with the test process: see TestMain.
var chromiums = chromiumSet{running: map[string]*chromium{}}

type chromiumSet struct {
	mu      sync.Mutex
	running map[string]*chromium
}

// chromium is one process.
type chromium struct {
	ctx  context.Context
	stop context.CancelFunc
	data string
}

// start returns the running process, or starts one if there is none or it has
// crashed.
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
		chromedp.ExecPath(browserPath()),
		chromedp.UserDataDir(data),
		chromedp.WSURLReadTimeout(patience),
		chromedp.WindowSize(1440, 900),
		chromedp.Flag("lang", "en-US"),
		chromedp.Flag("blink-settings", input),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // as root it does not start with a sandbox
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

// browserPath returns the browser that "make chromium" installs. The headless
// shell is the same engine without windows, and needs half of the time.
func browserPath() string {
	if path, err := exec.LookPath("chromium-headless-shell"); err == nil {
		return path
	}
	return "chromium"
}

// stop ends all processes.
func (s *chromiumSet) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for input, c := range s.running {
		end, cancel := context.WithTimeout(c.ctx, patience)
		_ = chromedp.Cancel(end) // a process that does not close is killed with its allocator
		cancel()
		c.stop()
		_ = os.RemoveAll(c.data) // a helper process may still write there
		delete(s.running, input)
	}
}

// tab is one page of the program in a browser. Exceptions, errors and
// violations of the content security policy in it fail the test when it ends.
type tab struct {
	t   testing.TB
	p   *program
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	expected   []string
}

// tab opens an empty page with its own cookies.
func (b *browser) tab(p *program) *tab {
	b.t.Helper()
	x := &tab{t: b.t, p: p}
	// Chromium warns of this on a slow machine
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
	// Windows of other tests open and close; each page has to act as if it had the
	// focus.
	_, err := chromedp.Call(x.ctx, emulation.SetFocusEmulationEnabled,
		emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(x.t, err)
	return x
}

// withoutScripts turns JavaScript off for the rest of the test.
func (x *tab) withoutScripts() {
	x.t.Helper()
	_, err := chromedp.Call(x.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(x.t, err)
}

// listen records errors and warnings of the browser.
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

// expect lists messages that the test causes on purpose.
func (x *tab) expect(parts ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.expected = append(x.expected, parts...)
}

// do runs steps, with the patience of all waits here.
func (x *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	x.t.Helper()
	// The tab must not be created under the timeout below, or it would end with it.
	require.NoError(x.t, chromedp.Do(x.ctx))
	ctx, cancel := context.WithTimeout(x.ctx, patience)
	defer cancel()
	require.NoError(x.t, chromedp.Do(ctx, steps...), "%s", x.seen())
}

// open opens a path and waits until it is loaded.
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

// fill types into a field. If the field is replaced in between, it is looked up
// again.
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

// press clicks the middle of an element with the mouse. A person whose button
// is replaced under the pointer clicks again, and so does press: the page tells
// whether the element received the click.
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

// noteClicks records in the page that an element received a click. A page that
// follows the click knows nothing of it. If the page may not run scripts, the
// click is assumed to have arrived, because no listener is called.
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

// key presses a key on the focused element, like a keyboard: a page that
// handles the key can prevent its letter from being typed. text is what the key
// types, if anything.
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

// value returns the result of JavaScript.
func value[T any](x *tab, js string) T {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	require.NoError(x.t, err, js)
	return v
}

// until waits until JavaScript is true, across page loads.
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

// seen returns what the page shows, for the message of a failed test.
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

// openNodes opens the table of a cluster and waits until all of it is loaded
// and the page follows the cluster.
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

// statusOf is the STATUS column of the table by node, as displayed.
const statusOf = `Object.fromEntries([...document.querySelectorAll("#nodes tr[data-node]")].map(
	(r) => [r.dataset.node, r.querySelector(".status .st > span:not(.word)").textContent]))`

// untilRows waits until the table shows exactly these nodes with that status.
func (x *tab) untilRows(want string, names ...string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`((rows, names) => Object.keys(rows).length === names.length && `+
		`names.every((n) => rows[n] === %q))(%s, %s)`, want, statusOf, jsList(names)))
}

// loaded waits until a page that has such an element is there as a whole: it may be found
// while the page is still being read.
func (x *tab) loaded(selector string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`document.querySelector(%q) && document.readyState === "complete"`, selector))
}

func jsList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func box(name string) string { return fmt.Sprintf(`#nodes input[name=node][value=%q]`, name) }

// tick selects nodes with the mouse.
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

// agree confirms the plan that a far-reaching operation shows.
func (x *tab) agree() {
	x.t.Helper()
	x.until(`document.querySelector("#plan-reach") && document.querySelector("#plan-do")`)
	x.press("#plan-do")
}

// untilBatch waits until the progress panel shows a state, and returns the id
// of the batch.
func (x *tab) untilBatch(state string) string {
	x.t.Helper()
	x.until(fmt.Sprintf(`document.querySelector("#progress [data-batch]")?.dataset.state === %q`, state))
	return value[string](x, `document.querySelector("#progress [data-batch]").dataset.batch`)
}
