package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// httpCamera asks one camera's URL for its pictures.
type httpCamera struct {
	url    *url.URL     // without user information
	login  *credentials // nil without any
	client *http.Client // that does not follow redirects
}

const (
	maxRedirects = 5
	maxLogins    = 3 // tries in one request: the first, with the answer to a challenge, with a fresh nonce
)

func newHTTPCamera(address string, transport http.RoundTripper) (*httpCamera, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("not an URL with a host") // err shows the URL
	}
	c := &httpCamera{url: u, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if u.User != nil {
		password, _ := u.User.Password()
		c.login = &credentials{user: u.User.Username(), password: password}
		u.User = nil
	}
	return c, nil
}

// answer is a camera's answer to a request. Whoever gets one closes body.
type answer struct {
	same     bool   // 304: nothing changed
	stream   bool   // multipart; otherwise one JPEG
	boundary string // of a stream, as it came
	body     io.ReadCloser
	header   http.Header
}

// get asks for the URL, with the extra header lines given, follows redirects and logs in. User
// name and password go to the scheme, host and port of the camera's URL and nowhere else. Errors
// name neither the URL nor the camera.
func (c *httpCamera) get(ctx context.Context, extra http.Header) (*answer, error) {
	target, logins := c.url, 0
	for redirects := 0; ; {
		request := (&http.Request{Method: http.MethodGet, URL: target, Header: extra.Clone()}).WithContext(ctx)
		request.Header.Set("User-Agent", "lensbus")
		request.Header.Set("Accept", "multipart/x-mixed-replace, image/jpeg, */*;q=0.5")
		atHome := target.Scheme == c.url.Scheme && target.Host == c.url.Host
		if atHome && c.login != nil {
			c.login.authorize(request)
		}
		response, err := c.client.Do(request)
		if err != nil {
			return nil, plainError(ctx, err)
		}
		location := response.Header.Get("Location")
		switch code := response.StatusCode; {
		case code == http.StatusUnauthorized && atHome && c.login != nil:
			discard(response.Body)
			tried := request.Header.Get("Authorization") != ""
			stale, ok := c.login.accept(response.Header)
			logins++
			if !ok {
				return nil, errors.New("the camera wants a login that is neither Basic nor Digest (MD5, SHA-256)")
			}
			// A refused answer may have been one to an old nonce that the camera does not call stale.
			if logins >= maxLogins || tried && logins > 1 && !stale {
				return nil, errors.New("the camera refuses the user name and password (401)")
			}
		case code == http.StatusUnauthorized && !atHome:
			discard(response.Body)
			return nil, fmt.Errorf("the URL redirects to %s://%s, which wants a login that it does not get: use that address itself", target.Scheme, target.Host)
		case code == http.StatusUnauthorized:
			discard(response.Body)
			return nil, fmt.Errorf("the camera wants a user name and a password (401): write %s://USER:PASSWORD@HOST/…", c.url.Scheme)
		case code >= 300 && code < 400 && code != http.StatusNotModified && location != "":
			discard(response.Body)
			if redirects++; redirects > maxRedirects {
				return nil, fmt.Errorf("the URL leads through more than %d redirects", maxRedirects)
			}
			if target, err = redirected(target, location); err != nil {
				return nil, err
			}
		case code == http.StatusNotModified:
			return &answer{same: true, body: response.Body, header: response.Header}, nil
		case code != http.StatusOK:
			discard(response.Body)
			return nil, fmt.Errorf("the camera answers %d %s", code, http.StatusText(code))
		default:
			return classify(ctx, response)
		}
	}
}

// redirected is where a redirect leads. User information in it is left out: who asked for the
// camera did not write it.
func redirected(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, errors.New("the URL redirects to something that is not http or https")
	}
	to.User = nil
	return to, nil
}

// classify decides by Content-Type what a camera answered. It closes the body where it is nothing.
func classify(ctx context.Context, response *http.Response) (*answer, error) {
	a := &answer{body: response.Body, header: response.Header}
	text := response.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(text)
	if err != nil { // boundaries with characters that should have been quoted
		var rest string
		kind, rest, _ = strings.Cut(text, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		if _, boundary, ok := strings.Cut(rest, "boundary="); ok {
			params = map[string]string{"boundary": strings.TrimSpace(boundary)}
		}
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		a.stream, a.boundary = true, params["boundary"]
		return a, nil
	case kind == "image/jpeg", kind == "image/jpg", kind == "image/pjpeg":
		return a, nil
	case kind == "", kind == "application/octet-stream": // cameras that do not say
		body := bufio.NewReader(response.Body)
		head, err := body.Peek(2)
		if err != nil && !errors.Is(err, io.EOF) {
			_ = response.Body.Close()
			return nil, plainError(ctx, err)
		}
		if hasSOI(head) {
			a.body = struct {
				io.Reader
				io.Closer
			}{body, response.Body}
			return a, nil
		}
		kind = "data without a type"
	}
	_ = response.Body.Close()
	if len(kind) > 60 || strings.ContainsFunc(kind, func(r rune) bool { return r < ' ' || r > '~' }) {
		kind = fmt.Sprintf("%.60q", kind)
	}
	return nil, fmt.Errorf("the URL answers %s, not a JPEG picture or an MJPEG stream", kind)
}

// plainError is err without net/http's wrapping, which shows the URL. It is never io.EOF, which
// means to a publisher that there is nothing more to come, and is why ctx ended where it did.
func plainError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the camera ended in the middle of an answer: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		return errors.New("the camera ended the connection")
	}
	return err
}

// discard reads a short answer to its end, so that its connection can be used again.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 16<<10)
	_ = body.Close()
}
