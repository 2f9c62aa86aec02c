package source

import (
	"crypto/md5" //nolint:gosec // what RFC 7616 and most cameras use; only where nothing better is offered
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
)

// credentials answer a camera's Basic (RFC 7617) and Digest (RFC 7616) challenges. Nothing is sent
// before the camera asked: a camera that wants Digest never sees the password.
type credentials struct {
	user, password string

	asked challenge // the one that is answered; its scheme is "" before the first
	count uint32    // of requests with asked's nonce
}

// accept takes the strongest challenge of a 401 answer that this package can answer, and returns
// false where there is none. stale says that only the nonce was too old, not the password wrong.
func (c *credentials) accept(header http.Header) (stale, ok bool) {
	var best challenge
	for _, offered := range parseChallenges(header.Values("WWW-Authenticate")) {
		if offered.strength() > best.strength() {
			best = offered
		}
	}
	if best.strength() == 0 {
		return false, false
	}
	c.asked, c.count = best, 0
	return strings.EqualFold(best.params["stale"], "true"), true
}

// authorize signs a request, once a challenge was accepted.
func (c *credentials) authorize(r *http.Request) {
	switch c.asked.scheme {
	case "basic":
		r.SetBasicAuth(c.user, c.password)
	case "digest":
		c.count++
		r.Header.Set("Authorization", c.digest(r.Method, r.URL.RequestURI(), rand.Text()))
	}
}

// digest is the Authorization header of RFC 7616, 3.4, or of RFC 2069 where the camera names no qop.
func (c *credentials) digest(method, uri, cnonce string) string {
	p := c.asked.params
	algorithm, session := strings.CutSuffix(strings.ToLower(p["algorithm"]), "-sess")
	h := func(parts ...string) string {
		sum := newDigest(algorithm)
		_, _ = sum.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(sum.Sum(nil))
	}
	a1 := h(c.user, p["realm"], c.password)
	if session {
		a1 = h(a1, p["nonce"], cnonce)
	}
	user := c.user
	hashUser := strings.EqualFold(p["userhash"], "true")
	if hashUser {
		user = h(c.user, p["realm"])
	}
	a2 := h(method, uri)
	count := fmt.Sprintf("%08x", c.count)
	response := h(a1, p["nonce"], a2)
	_, hasQOP := p["qop"]
	if hasQOP {
		response = h(a1, p["nonce"], count, cnonce, "auth", a2)
	}

	var b strings.Builder
	fmt.Fprintf(&b, "Digest username=%s, realm=%s, nonce=%s, uri=%s, response=%s",
		quoted(user), quoted(p["realm"]), quoted(p["nonce"]), quoted(uri), quoted(response))
	if name, ok := p["algorithm"]; ok {
		b.WriteString(", algorithm=" + name)
	}
	if opaque, ok := p["opaque"]; ok {
		b.WriteString(", opaque=" + quoted(opaque))
	}
	if hasQOP || session {
		b.WriteString(", cnonce=" + quoted(cnonce))
	}
	if hasQOP {
		b.WriteString(", qop=auth, nc=" + count)
	}
	if hashUser {
		b.WriteString(", userhash=true")
	}
	return b.String()
}

// newDigest returns nil for an algorithm that is not known.
func newDigest(algorithm string) hash.Hash {
	switch algorithm {
	case "", "md5":
		return md5.New() //nolint:gosec // see the import
	case "sha-256":
		return sha256.New()
	case "sha-512-256":
		return sha512.New512_256()
	}
	return nil
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "")

func quoted(s string) string { return `"` + quoting.Replace(s) + `"` }

// challenge is one of a WWW-Authenticate header.
type challenge struct {
	scheme string // lower case
	params map[string]string
}

// strength orders challenges; 0 is one that cannot be answered.
func (c challenge) strength() int {
	switch c.scheme {
	case "basic":
		return 1
	case "digest":
		algorithm, _ := strings.CutSuffix(strings.ToLower(c.params["algorithm"]), "-sess")
		sum := newDigest(algorithm)
		if sum == nil || c.params["nonce"] == "" || !offersAuth(c.params) {
			return 0
		}
		return 1 + sum.Size()
	}
	return 0
}

func offersAuth(params map[string]string) bool {
	qop, ok := params["qop"]
	if !ok {
		return true
	}
	for offered := range strings.SplitSeq(qop, ",") {
		if strings.EqualFold(strings.TrimSpace(offered), "auth") {
			return true
		}
	}
	return false
}

// parseChallenges reads WWW-Authenticate headers (RFC 9110, 11.6.1). One header may hold several
// challenges, and the commas between them are the same as those between parameters. What cannot be
// read is left out.
func parseChallenges(headers []string) []challenge {
	var found []challenge
	for _, rest := range headers {
		for {
			rest = strings.TrimLeft(rest, ", \t")
			if rest == "" {
				break
			}
			word := rest[:len(rest)-len(strings.TrimLeftFunc(rest, isTokenRune))]
			if word == "" {
				break
			}
			after := strings.TrimLeft(rest[len(word):], " \t")
			value, isParam := strings.CutPrefix(after, "=")
			if !isParam {
				found = append(found, challenge{scheme: strings.ToLower(word), params: map[string]string{}})
				rest = rest[len(word):]
				continue
			}
			text, tail := cutValue(strings.TrimLeft(value, " \t"))
			if len(found) > 0 {
				found[len(found)-1].params[strings.ToLower(word)] = text
			}
			rest = tail
		}
	}
	return found
}

func isTokenRune(r rune) bool {
	return r > ' ' && r < 0x7F && !strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
}

// cutValue takes a token or a quoted string from the front of s.
func cutValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
