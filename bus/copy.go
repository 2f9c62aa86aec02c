package bus

import (
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// copySite makes a stream a copy of the site's stream of the same name. It takes nothing that is
// published here: with a subject of its own it would store every frame that somebody watches twice.
func copySite(config *jetstream.StreamConfig, site string) {
	config.Description += ", copied from " + site
	config.Subjects = nil
	config.Sources = []*jetstream.StreamSource{{
		Name:     config.Name,
		External: &jetstream.ExternalStream{APIPrefix: auth.SiteAPI(site), DeliverPrefix: auth.SiteDelivery(site)},
	}}
}

// siteOf is the site that a stream is a copy of, "" where it is none.
func siteOf(is jetstream.StreamConfig) string {
	if len(is.Sources) != 1 || is.Sources[0].Name != is.Name || is.Sources[0].External == nil {
		return ""
	}
	prefix := is.Sources[0].External.APIPrefix
	site, _ := strings.CutPrefix(strings.TrimSuffix(prefix, ".API"), "$JS.")
	if auth.SiteAPI(site) != prefix || strings.Contains(site, ".") {
		return ""
	}
	return site
}

// cameFrom is where a stream's frames come from, but for what is published: for comparing.
func cameFrom(is jetstream.StreamConfig) string {
	site := siteOf(is)
	if site != "" && is.Sources[0].External.DeliverPrefix != auth.SiteDelivery(site) {
		return site + " by " + is.Sources[0].External.DeliverPrefix
	}
	return site
}

// fileStreamOf is the camera whose frames a stream on file keeps. What a stream is called and what it
// takes is what somebody else has said: false for any other.
func fileStreamOf(is jetstream.StreamConfig) (frame.CameraID, bool) {
	id, ok := frame.ParseStreamName(is.Name)
	if !ok || is.Storage != jetstream.FileStorage {
		return "", false
	}
	takes := len(is.Subjects) == 1 && is.Subjects[0] == id.FrameSubject()
	return id, takes || len(is.Subjects) == 0 && siteOf(is) != ""
}
