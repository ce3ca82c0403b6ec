package kubetest

import (
	"bufio"
	"io"
	"net/http"
	"regexp"
	"time"
)

// clusterTimes are the times in JSON that the cluster sets by its own clock. All have the
// same length, so a shifted answer is as long as it was.
var clusterTimes = regexp.MustCompile(`"(?:creationTimestamp|deletionTimestamp|lastHeartbeatTime|` +
	`lastTransitionTime|timeAdded|startTime)":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"`)

// skew shifts the times of an answer.
func (f *Fault) skew(response *http.Response) {
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err == nil {
		response.Header.Set("Date", date.Add(f.Skew).UTC().Format(http.TimeFormat))
	}
	response.Body = &skewed{ReadCloser: response.Body, lines: bufio.NewReader(response.Body), by: f.Skew}
}

// skewed is a body of JSON whose times are shifted. Each event of a watch is one line, and
// so is any other answer.
type skewed struct {
	io.ReadCloser
	lines *bufio.Reader
	by    time.Duration
	left  []byte
	err   error
}

func (b *skewed) Read(p []byte) (int, error) {
	if len(b.left) == 0 && b.err == nil {
		var line []byte
		line, b.err = b.lines.ReadBytes('\n')
		b.left = shiftTimes(line, b.by)
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	if n > 0 {
		return n, nil
	}
	return 0, b.err
}

// shiftTimes shifts the times of the cluster in a text of JSON, in place.
func shiftTimes(text []byte, by time.Duration) []byte {
	for _, at := range clusterTimes.FindAllSubmatchIndex(text, -1) {
		field := text[at[2]:at[3]]
		was, err := time.Parse(time.RFC3339, string(field))
		if err == nil {
			copy(field, was.Add(by).UTC().Format(time.RFC3339))
		}
	}
	return text
}
