package auth

// A site's streams are read by the streams of the server that it is connected to. What that takes is
// named after the site, so that one site cannot put frames into the streams of another: a leaf node is
// told all subjects that are listened to and that it may publish to.
const (
	// deliveries is where a site's frames are delivered to.
	deliveries = "$JS.S."
	// replies is where a site's server answers; the server that asks needs the feature flag
	// js_api_reply_v2 for it.
	replies = "$JSC.R."
)

// MostSiteCameras is how many cameras a [Site] has at most: a server says to a leaf node what its rights
// are, in one line.
const MostSiteCameras = 1000

// SiteDelivery is the prefix of the subjects to which a site's frames are delivered.
func SiteDelivery(site string) string { return deliveries + site }

// SiteAPI is the prefix of the subjects by which a site's JetStream is asked.
func SiteAPI(site string) string { return "$JS." + site + ".API" }

// siteRights are what may pass to and from a leaf node: to publish is to send from the site.
func (u User) siteRights() Rights {
	var r Rights
	api := SiteAPI(u.Name)
	for _, id := range u.Cameras { // which are named, see Validate
		camera, stream := string(id), id.StreamName()
		r.publish(
			"cam."+camera+".frame",
			"cam."+camera+".preview",
			"cam."+camera+".status",
		)
		r.subscribe(
			"cam."+camera+".control.*",
			"rec."+camera+".*",
			"rec."+camera+".credit.*",
			api+".DIRECT.GET."+stream+"."+id.FrameSubject(),
			// Streams that copy the site's, and whoever looks how far they are.
			api+".CONSUMER.CREATE."+stream,
			api+".CONSUMER.CREATE."+stream+".>",
			api+".STREAM.INFO."+stream,
			"$JS.FC."+stream+".>",
		)
	}
	r.publish(SiteDelivery(u.Name)+".>", replies+u.Name+".>", "_INBOX.>")
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		r.subscribe("$SRV."+verb, "$SRV."+verb+".camera", "$SRV."+verb+".camera.*", "$SRV."+verb+".recorder", "$SRV."+verb+".recorder.*")
	}
	return r
}
