package bus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/frame"
)

// Why a request to a camera is refused: the label reason of lensbus_bus_requests_refused_total.
const (
	refusedReply      = "reply_subject" // its answer would go to no inbox
	refusedTooLong    = "too_long"
	refusedMalformed  = "malformed"  // it makes no sense
	refusedImpossible = "impossible" // the camera cannot do that, or has no such thing
	refusedFailed     = "failed"     // it went wrong
	refusedNotNow     = "not_now"
)

// reasonOf is that of a [ControlError]'s code.
func reasonOf(code int) string {
	switch code {
	case 400:
		return refusedMalformed
	case 404, 409:
		return refusedImpossible
	case 413:
		return refusedTooLong
	case 503:
		return refusedNotNow
	}
	return refusedFailed
}

// refusedRequests count one camera's.
type refusedRequests struct{ counts *prometheus.CounterVec }

// refusalsOf returns what counts the refusals of a camera that is served here.
func (m *metrics) refusalsOf(id frame.CameraID) refusedRequests {
	r := refusedRequests{m.refused.MustCurryWith(prometheus.Labels{"camera": string(id)})}
	for _, reason := range []string{refusedReply, refusedTooLong, refusedMalformed, refusedImpossible, refusedFailed, refusedNotNow} {
		r.counts.WithLabelValues(reason) // 0 is shown too, or the first one would be no increase
	}
	return r
}

func (r refusedRequests) count(reason string) { r.counts.WithLabelValues(reason).Inc() }
