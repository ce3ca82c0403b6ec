package acceptance

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// usage is what a process uses at one moment.
type usage struct{ memory, goroutines, files int }

func (u usage) String() string {
	return fmt.Sprintf("%d MB, %d goroutines, %d open files", u.memory>>20, u.goroutines, u.files)
}

var (
	profileAddress  = regexp.MustCompile(`server="pprof server" address=(\S+)`)
	goroutinesTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)
)

// usage asks the kernel and the process, past the program's pages. The program needs
// --pprof-addr.
func (p *program) usage(t testing.TB) usage {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	require.NoError(t, err)
	address := profileAddress.FindStringSubmatch(p.log(t))
	require.NotNil(t, address)
	response, err := p.client.Get("http://" + address[1] + "/debug/pprof/goroutine?debug=1")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	profile, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	total := goroutinesTotal.FindSubmatch(profile)
	require.NotNil(t, total)
	goroutines, err := strconv.Atoi(string(total[1]))
	require.NoError(t, err)
	return usage{memory: p.resident(t, "VmRSS"), goroutines: goroutines, files: len(files)}
}

// What a process may use more in the second half of a load than in the first one: a tenth,
// and what the moments of the samples make.
const (
	moreMemory     = 16 << 20
	moreGoroutines = 50
	moreFiles      = 20
	// workingSize is how long a process may take to get to its working size.
	workingSize = 5 * time.Minute
)

// growth says what has grown over a load, "" if nothing has. The first third of the samples
// is not judged: the process gets to its working size there. Of the rest, the medians of
// both halves are compared.
func growth(samples []usage) string {
	samples = samples[len(samples)/3:]
	early, late := samples[:len(samples)/2], samples[len(samples)/2:]
	for _, figure := range []struct {
		name string
		of   func(usage) int
		more int
	}{
		{"memory", func(u usage) int { return u.memory }, moreMemory},
		{"goroutines", func(u usage) int { return u.goroutines }, moreGoroutines},
		{"open files", func(u usage) int { return u.files }, moreFiles},
	} {
		before, after := middle(early, figure.of), middle(late, figure.of)
		if after > before+before/10+figure.more {
			return fmt.Sprintf("%s: %d, then %d", figure.name, before, after)
		}
	}
	return ""
}

// middle returns the median of a figure.
func middle(samples []usage, of func(usage) int) int {
	figures := make([]int, len(samples))
	for i, u := range samples {
		figures[i] = of(u)
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	load := func(at func(i int) usage) (samples []usage) {
		for i := range 60 {
			samples = append(samples, at(i))
		}
		return samples
	}
	flat := func(i int) usage {
		return usage{memory: 100<<20 + min(i, 20)<<20 + i%7<<20, goroutines: 100 + i%40, files: 30 + i%10}
	}
	assert.Empty(t, growth(load(flat)))
	for i, grows := range []func(u *usage, i int){
		func(u *usage, i int) { u.memory += i << 21 },
		func(u *usage, i int) { u.goroutines += 4 * i },
		func(u *usage, i int) { u.files += 2 * i },
	} {
		samples := load(func(at int) usage {
			u := flat(at)
			grows(&u, at*3/2)
			return u
		})
		assert.NotEmpty(t, growth(samples), "%d", i)
	}
}
