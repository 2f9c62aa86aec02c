package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks of reverse proxies whose word is taken for who asks, and how. What anybody
// else says of that is not heeded.
type proxies []netip.Prefix

// parseProxies reads addresses and networks, such as 127.0.0.1 and 10.0.0.0/8.
func parseProxies(texts []string) (proxies, error) {
	var p proxies
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%.60q is neither an address nor a network, such as 10.1.2.3 or 10.1.0.0/16", text)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		p = append(p, network)
	}
	return p, nil
}

func (p proxies) has(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// sentBy returns whether the request came from a proxy whose word is taken.
func (p proxies) sentBy(r *http.Request) bool {
	addr, ok := addressOf(r.RemoteAddr)
	return ok && p.has(addr)
}

// client is where the request comes from: the newest address of X-Forwarded-For that is no proxy's own.
// Those before it are what the client says of itself. remote is what RemoteAddr would be.
func (p proxies) client(r *http.Request) (remote string) {
	remote = r.RemoteAddr
	if !p.sentBy(r) {
		return remote
	}
	words := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, word := range slices.Backward(words) {
		addr, ok := addressOf(strings.TrimSpace(word))
		if !ok {
			return remote
		}
		if remote = addr.String(); !p.has(addr) {
			return remote
		}
	}
	return remote
}

// encrypted says whether the client's connection to a proxy is.
func (p proxies) encrypted(r *http.Request) bool {
	said := r.Header.Values("X-Forwarded-Proto")
	return len(said) == 1 && strings.EqualFold(said[0], "https") && p.sentBy(r)
}

// addressOf reads an address with or without a port.
func addressOf(text string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return addr.Unmap().WithZone(""), err == nil
}
