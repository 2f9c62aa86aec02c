package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/lensbus/lensbus/frame"
)

// service is an instance of a NATS micro service, of which NATS's own tools see no difference to one of
// package micro's: discovery ($SRV.PING, INFO and STATS) and endpoints. The difference is that all its
// answers, those to discovery too, go to inboxes and nowhere else. The asker chooses the reply subject,
// and must not make a service speak on a subject that the asker itself has no right to.
type service struct {
	nc          *nats.Conn
	identity    micro.ServiceIdentity
	description string
	// data is what STATS tells of an endpoint besides its counts; nil tells nothing.
	data func(endpoint string) any
	// refused is told of a request that cannot be answered, on any goroutine.
	refused func(*nats.Msg)

	mu        sync.Mutex
	started   time.Time
	endpoints []*endpoint
	subs      []*nats.Subscription
}

// endpoint is what one subject of a service has counted. The service's mu guards it.
type endpoint struct{ micro.EndpointStats }

// inboxes begins every inbox that NATS makes, unless it is told otherwise.
const inboxes = "_INBOX"

// isInbox says whether an answer may go there: NATS clients' inboxes, and those of users with an inbox
// prefix of their own, such as _INBOX_alice.
func isInbox(reply string) bool { return strings.HasPrefix(reply, inboxes) }

// newService begins to answer to discovery; name and version are as NATS wants them. End it with stop.
func newService(nc *nats.Conn, config micro.Config, refused func(*nats.Msg)) (*service, error) {
	s := &service{
		nc: nc, description: config.Description, refused: refused, started: time.Now().UTC(),
		identity: micro.ServiceIdentity{Name: config.Name, ID: frame.NewEpoch(), Version: config.Version, Metadata: config.Metadata},
	}
	for verb, answer := range map[micro.Verb]func() any{
		micro.PingVerb:  func() any { return micro.Ping{ServiceIdentity: s.identity, Type: micro.PingResponseType} },
		micro.InfoVerb:  func() any { return s.info() },
		micro.StatsVerb: func() any { return s.stats() },
	} {
		for _, who := range [][2]string{{"", ""}, {config.Name, ""}, {config.Name, s.identity.ID}} {
			subject, err := micro.ControlSubject(verb, who[0], who[1])
			if err == nil {
				err = s.subscribe(subject, "", func(m *nats.Msg) {
					if data, err := json.Marshal(answer()); err == nil {
						_ = m.Respond(data) // the asker may be gone
					}
				})
			}
			if err != nil {
				s.stop()
				return nil, err
			}
		}
	}
	return s, nil
}

// leftUnanswered returns what counts a camera's requests that cannot be answered, and says so once.
// Nobody can be told: only the reply subject says who asks.
func (c *Conn) leftUnanswered(id frame.CameraID) func(*nats.Msg) {
	refusals := c.metrics.refusalsOf(id)
	var once sync.Once
	return func(m *nats.Msg) {
		refusals.count(refusedReply)
		once.Do(func() {
			c.log.Warn("a request whose answer would go to no inbox is left unanswered, as all like it will be; they are counted",
				"camera", id, "subject", m.Subject, "reply", fmt.Sprintf("%.64s", m.Reply))
		})
	}
}

// endpoint answers requests on subject, one at a time; all instances do, or, of those with the same
// queue, one.
func (s *service) endpoint(name, subject, queue string, handle func(micro.Request)) error {
	e := &endpoint{micro.EndpointStats{Name: name, Subject: subject, QueueGroup: queue}}
	s.mu.Lock()
	s.endpoints = append(s.endpoints, e)
	s.mu.Unlock()
	return s.subscribe(subject, queue, func(m *nats.Msg) {
		began := time.Now()
		r := &request{msg: m}
		handle(r)
		s.mu.Lock()
		defer s.mu.Unlock()
		e.NumRequests++
		e.ProcessingTime += time.Since(began)
		e.AverageProcessingTime = e.ProcessingTime / time.Duration(e.NumRequests)
		if r.failed != "" {
			e.NumErrors++
			e.LastError = r.failed
		}
	})
}

func (s *service) subscribe(subject, queue string, handle func(*nats.Msg)) error {
	fenced := func(m *nats.Msg) {
		if isInbox(m.Reply) {
			handle(m)
		} else {
			s.refused(m)
		}
	}
	sub, err := s.nc.QueueSubscribe(subject, queue, fenced)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", subject, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = append(s.subs, sub)
	return nil
}

// stop ends the service; requests that have arrived are still answered. It is safe twice.
func (s *service) stop() {
	s.mu.Lock()
	subs := s.subs
	s.subs = nil
	s.mu.Unlock()
	for _, sub := range subs {
		_ = sub.Drain() // fails only where the connection has ended already
	}
}

func (s *service) info() micro.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := micro.Info{ServiceIdentity: s.identity, Type: micro.InfoResponseType, Description: s.description, Endpoints: []micro.EndpointInfo{}}
	for _, e := range s.endpoints {
		info.Endpoints = append(info.Endpoints, micro.EndpointInfo{Name: e.Name, Subject: e.Subject, QueueGroup: e.QueueGroup})
	}
	return info
}

func (s *service) stats() micro.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := micro.Stats{ServiceIdentity: s.identity, Type: micro.StatsResponseType, Started: s.started, Endpoints: []*micro.EndpointStats{}}
	for _, e := range s.endpoints {
		one := e.EndpointStats
		if s.data != nil {
			one.Data, _ = json.Marshal(s.data(e.Name)) // what cannot be told is left out
		}
		stats.Endpoints = append(stats.Endpoints, &one)
	}
	return stats
}

// request is a micro.Request.
type request struct {
	msg    *nats.Msg
	failed string // what was answered where it is an error
}

func (r *request) Data() []byte           { return r.msg.Data }
func (r *request) Headers() micro.Headers { return micro.Headers(r.msg.Header) }
func (r *request) Subject() string        { return r.msg.Subject }
func (r *request) Reply() string          { return r.msg.Reply }

func (r *request) Respond(data []byte, opts ...micro.RespondOpt) error {
	answer := &nats.Msg{Data: data}
	for _, opt := range opts {
		opt(answer)
	}
	return r.msg.RespondMsg(answer)
}

func (r *request) RespondJSON(value any, opts ...micro.RespondOpt) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("answer %s: %w", r.msg.Subject, err)
	}
	return r.Respond(data, opts...)
}

func (r *request) Error(code, description string, data []byte, opts ...micro.RespondOpt) error {
	if code == "" || description == "" {
		return errors.New("an error needs a code and a description")
	}
	r.failed = code + ":" + description
	return r.Respond(data, append(opts, func(answer *nats.Msg) {
		if answer.Header == nil {
			answer.Header = make(nats.Header)
		}
		answer.Header.Set(micro.ErrorHeader, description)
		answer.Header.Set(micro.ErrorCodeHeader, code)
	})...)
}
