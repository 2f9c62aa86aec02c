package auth

import (
	"slices"

	"github.com/lensbus/lensbus/frame"
)

// Rights are the subjects that a user may publish and subscribe to: allow-lists only, because what
// is not named in a list of exceptions is open.
type Rights struct {
	Publish   []string
	Subscribe []string
}

// Rights returns what the user may do. What each role can and cannot do with it is tried out, role
// by role and action by action, in the broker's tests.
//
// Nobody but an admin may create a consumer: the server lets one deliver to any subject, which is
// nearly the right to publish there. Streams and the recorders' consumers are made by the broker. And
// who may ask JetStream for pictures can have the answer sent anywhere, to JetStream itself too: so
// those who only watch ask the broker's process. A recorder has rights to the consumers of one name, so
// that it can take or acknowledge nothing that is another recorder's.
func (u User) Rights() Rights {
	if u.Role == Admin {
		return Rights{Publish: []string{">"}, Subscribe: []string{">"}}
	}
	if u.Role == Site {
		return u.siteRights()
	}
	r := Rights{Subscribe: []string{u.Inbox() + ".>"}}
	for _, camera := range u.tokens() {
		stream := frame.StreamPrefix + camera
		if u.All {
			stream = "*" // a wildcard stands for a whole token
		}
		switch u.Role {
		case Publisher:
			r.publish(
				"cam."+camera+".>",
				"$JS.API.STREAM.INFO."+stream,
			)
			r.subscribe("cam."+camera+".control.*", "cam."+camera+".status")
		case Recorder:
			r.publish(
				"$JS.API.STREAM.INFO."+stream,
				"$JS.API.CONSUMER.INFO."+stream+"."+u.DurableName(),
				"$JS.API.CONSUMER.MSG.NEXT."+stream+"."+u.DurableName(),
				"$JS.ACK."+stream+"."+u.DurableName()+".>",
				// Any message by its number: the stream holds nothing but this camera's frames.
				"$JS.API.DIRECT.GET."+stream,
			)
			r.subscribe("rec."+camera+".*", "rec."+camera+".credit.*", "cam."+camera+".status")
		case Viewer, Operator, Web:
			r.publish(
				// Not of JetStream, which sends its answer wherever the asker says.
				"cam."+camera+".newest",
				"cam."+camera+".control.get",
				"cam."+camera+".control.snapshot",
				"cam."+camera+".control.watch",
				"rec."+camera+".>",
			)
			r.subscribe(
				"cam."+camera+".frame",
				"cam."+camera+".preview",
				"cam."+camera+".status",
			)
			if u.Role != Viewer {
				r.publish("cam." + camera + ".control.set")
			}
		}
	}
	switch u.Role {
	case Publisher, Recorder:
		// Answers go to the inbox of whoever asked, and to nothing else.
		r.publish("_INBOX.>")
		service := "camera"
		if u.Role == Recorder {
			service = "recorder"
		}
		for _, verb := range []string{"PING", "INFO", "STATS"} {
			r.subscribe("$SRV."+verb, "$SRV."+verb+"."+service, "$SRV."+verb+"."+service+".*")
		}
	}
	return r
}

// exported are the rights for a server that lensbus does not run: those of the role and, where direct is
// true, to a direct get of the newest frames, for those who have not got it.
func (u User) exported(direct bool) Rights {
	r := u.Rights()
	if direct && slices.Contains([]Role{Viewer, Operator, Web}, u.Role) {
		for _, camera := range u.tokens() {
			stream := frame.StreamPrefix + camera
			if u.All {
				stream = "*"
			}
			r.publish("$JS.API.DIRECT.GET." + stream + ".cam." + camera + ".frame")
		}
	}
	return r
}

func (r *Rights) publish(subjects ...string)   { r.Publish = append(r.Publish, subjects...) }
func (r *Rights) subscribe(subjects ...string) { r.Subscribe = append(r.Subscribe, subjects...) }
