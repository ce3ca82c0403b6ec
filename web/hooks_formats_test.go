package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// hookFormat is how one of the services takes messages.
type hookFormat struct {
	language string
	// read returns the text of a request, or an error if the service would refuse it.
	read func(q *http.Request, body []byte) (string, error)
	// busy and accepted are the responses of a service that has no time, and of one that has.
	busy, accepted hookAnswer
}

type hookAnswer struct {
	status int
	body   string
}

// hookFormats are the formats, as the documentation of the services has them. Feishu and
// DingTalk answer 200 to what they refuse.
var hookFormats = map[string]hookFormat{
	"json": {"en", readPlain, hookAnswer{http.StatusInternalServerError, "oops"}, hookAnswer{http.StatusNoContent, ""}},
	"slack": {
		"en", readSlack, hookAnswer{http.StatusTooManyRequests, "rate_limited"}, hookAnswer{http.StatusOK, "ok"},
	},
	"feishu": {
		"zh-CN", readFeishu,
		hookAnswer{http.StatusOK, `{"code":11232,"msg":"frequency limited psm[x]","data":{}}`},
		hookAnswer{http.StatusOK, `{"code":0,"msg":"success","data":{},"StatusCode":0,"StatusMessage":"success"}`},
	},
	"dingtalk": {
		"zh-CN", readDingTalk,
		hookAnswer{http.StatusOK, `{"errcode":660026,"errmsg":"send too fast"}`},
		hookAnswer{http.StatusOK, `{"errcode":0,"errmsg":"ok"}`},
	},
	"teams": {
		"en", readTeams, hookAnswer{http.StatusServiceUnavailable, ""}, hookAnswer{http.StatusAccepted, ""},
	},
}

// errUnsigned says that a request has not the signature that its service wants.
var errUnsigned = errors.New("the signature is wrong")

// mac returns the HMAC-SHA256 of a text.
func mac(key, text string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	_, _ = h.Write([]byte(text))
	return h.Sum(nil)
}

func readPlain(q *http.Request, body []byte) (string, error) {
	signed := q.Header.Get("X-KNM-Timestamp") + "." + string(body)
	if q.Header.Get("X-KNM-Signature") != "sha256="+hex.EncodeToString(mac(hookSecret, signed)) {
		return "", errUnsigned
	}
	var m struct {
		Event, Text string
		Minutes     int `json:"minutesBlocked"`
		Budgets     []string
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return "", err
	}
	if (m.Event == "blocked") != (m.Minutes > 0 && len(m.Budgets) == 1) {
		return "", fmt.Errorf("%s: %d minutes, budgets %q", m.Event, m.Minutes, m.Budgets)
	}
	return m.Text, nil
}

func readSlack(_ *http.Request, body []byte) (string, error) {
	var m struct{ Text string }
	return m.Text, errors.Join(json.Unmarshal(body, &m), noText(m.Text))
}

func readFeishu(_ *http.Request, body []byte) (string, error) {
	var m struct {
		Kind            string `json:"msg_type"`
		Timestamp, Sign string
		Content         struct{ Text string }
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return "", err
	}
	if m.Kind != "text" || m.Sign != base64.StdEncoding.EncodeToString(mac(m.Timestamp+"\n"+hookSecret, "")) {
		return "", errUnsigned
	}
	return m.Content.Text, inSeconds(m.Timestamp)
}

// inSeconds returns an error unless a text is a time in seconds since 1970.
func inSeconds(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return err
	}
	if apart := time.Since(time.Unix(n, 0)).Abs(); apart > time.Hour {
		return fmt.Errorf("the time of the request is %s away", apart)
	}
	return nil
}

func readDingTalk(q *http.Request, body []byte) (string, error) {
	query := q.URL.Query()
	stamp := query.Get("timestamp")
	if query.Get("sign") != base64.StdEncoding.EncodeToString(mac(hookSecret, stamp+"\n"+hookSecret)) {
		return "", errUnsigned
	}
	if query.Get("access_token") != "robot" {
		return "", errors.New("the token of the robot is lost")
	}
	var m struct {
		MsgType string
		Text    struct{ Content string }
	}
	if err := json.Unmarshal(body, &m); err != nil || m.MsgType != "text" {
		return "", fmt.Errorf("%q: %w", m.MsgType, err)
	}
	return m.Text.Content, inSeconds(strings.TrimSuffix(stamp, stamp[max(0, len(stamp)-3):])) // milliseconds
}

func readTeams(_ *http.Request, body []byte) (string, error) {
	var m struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type string
				Body []struct{ Type, Text string }
			}
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return "", err
	}
	if m.Type != "message" || len(m.Attachments) != 1 || len(m.Attachments[0].Content.Body) != 1 ||
		m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" ||
		m.Attachments[0].Content.Type != "AdaptiveCard" || m.Attachments[0].Content.Body[0].Type != "TextBlock" {
		return "", fmt.Errorf("no card: %s", body)
	}
	text := m.Attachments[0].Content.Body[0].Text
	return text, noText(text)
}

func noText(text string) error {
	if text == "" {
		return errors.New("no text")
	}
	return nil
}
