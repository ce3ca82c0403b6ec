package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// errContent says that a receiver has refused a message for its content.
var errContent = errors.New("the receiver refuses the message")

const (
	sendTimeout = 10 * time.Second
	maxAnswer   = 16 << 10 // bytes of a response that are read
)

// send sends a delivery, and returns what the log says of that.
func (s *Service) send(ctx context.Context, d store.Delivery) (answer string, err error) {
	h, err := s.Store.Hook(ctx, d.HookID)
	if err != nil {
		return "hook: " + string(services.CodeOf(err)), err
	}
	private, err := s.open(h)
	if err != nil {
		return "key", err
	}
	var m Message
	if err := json.Unmarshal(d.Message, &m); err != nil {
		return "message", err
	}
	r, err := request(ctx, h.Format, private, d, m, s.Now())
	if err != nil {
		return "request", err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return said(err), err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return response.Status, err
	}
	return arrived(h.Format, response, body)
}

// said returns why a call has failed, without its address, which is secret.
func said(err error) string {
	if services.CodeOf(err) == services.CodeForbidden {
		return "address refused"
	}
	if at, ok := errors.AsType[*url.Error](err); ok {
		if at.Timeout() {
			return "timeout"
		}
		err = at.Err
	}
	return services.Clip(err.Error())
}

// arrived returns an error unless the response says that the message has arrived. Some
// services answer 200 to what they refuse.
func arrived(format string, response *http.Response, body []byte) (string, error) {
	switch code := response.StatusCode; {
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return response.Status, errContent
	case code/100 != 2:
		return response.Status, fmt.Errorf("status %d", code)
	}
	if format != FormatFeishu && format != FormatDingTalk {
		return response.Status, nil
	}
	var said struct {
		Code    int    `json:"code"`    // of Feishu
		ErrCode int    `json:"errcode"` // of DingTalk
		Msg     string `json:"msg"`
		ErrMsg  string `json:"errmsg"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return response.Status, nil
	}
	if said.Code != 0 || said.ErrCode != 0 {
		return services.Clip(fmt.Sprintf("%d %s%s", said.Code+said.ErrCode, said.Msg, said.ErrMsg)), errors.New("refused")
	}
	return response.Status, nil
}

// request returns the call of a hook. Every request is signed with the secret of the hook: the
// header is the HMAC-SHA256 of the timestamp, a dot, and the body.
func request(
	ctx context.Context, format string, private secrets, d store.Delivery, m Message, now time.Time,
) (*http.Request, error) {
	address, content := private.URL, content(format, private.Secret, m, now)
	if format == FormatDingTalk && private.Secret != "" {
		signed, err := signedAddress(address, private.Secret, now)
		if err != nil {
			return nil, err
		}
		address = signed
	}
	body, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "kube-node-manager")
	r.Header.Set("X-KNM-Event", d.Event)
	r.Header.Set("X-KNM-Delivery", strconv.FormatInt(d.ID, 10))
	r.Header.Set("X-KNM-Timestamp", stamp)
	if private.Secret != "" {
		r.Header.Set("X-KNM-Signature", "sha256="+hex.EncodeToString(sum(private.Secret, stamp+"."+string(body))))
	}
	return r, nil
}

// sum returns the HMAC-SHA256 of a text.
func sum(secret, text string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(text)) // a hash never fails to write
	return mac.Sum(nil)
}

// signedAddress adds what DingTalk wants of a robot with a secret.
func signedAddress(address, secret string, now time.Time) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	stamp := strconv.FormatInt(now.UnixMilli(), 10)
	q := u.Query()
	q.Set("timestamp", stamp)
	q.Set("sign", base64.StdEncoding.EncodeToString(sum(secret, stamp+"\n"+secret)))
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// content returns the body in the form that a service wants.
func content(format, secret string, m Message, now time.Time) any {
	text := m.Text
	if m.URL != "" {
		text += "\n" + m.URL
	}
	switch format {
	case FormatSlack:
		return map[string]any{"text": text}
	case FormatDingTalk:
		return map[string]any{"msgtype": "text", "text": map[string]any{"content": text}}
	case FormatFeishu:
		return feishu(text, secret, now)
	case FormatTeams:
		return teams(m)
	default:
		return m
	}
}

// feishu returns a text for Feishu. What is signed is the key there, and the text is empty.
func feishu(text, secret string, now time.Time) map[string]any {
	out := map[string]any{"msg_type": "text", "content": map[string]any{"text": text}}
	if secret != "" {
		stamp := strconv.FormatInt(now.Unix(), 10)
		out["timestamp"] = stamp
		out["sign"] = base64.StdEncoding.EncodeToString(sum(stamp+"\n"+secret, ""))
	}
	return out
}

// teams returns an adaptive card for a workflow of Teams.
func teams(m Message) map[string]any {
	card := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"body": []any{map[string]any{"type": "TextBlock", "text": m.Text, "wrap": true}},
	}
	if m.URL != "" {
		card["actions"] = []any{map[string]any{"type": "Action.OpenUrl", "title": m.Batch, "url": m.URL}}
	}
	return map[string]any{"type": "message", "attachments": []any{
		map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card},
	}}
}
