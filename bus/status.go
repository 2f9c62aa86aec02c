package bus

import (
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// PublishStatus publishes a camera's state. It does not wait; its error is [ErrDisconnected] where
// there is no server now.
func (c *Conn) PublishStatus(s frame.Status) error {
	if !c.control.IsConnected() {
		return ErrDisconnected
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("status of camera %s: %w", s.ID, err)
	}
	if err := c.control.Publish(s.ID.StatusSubject(), data); err != nil {
		return fmt.Errorf("publish status of camera %s: %w", s.ID, err)
	}
	return nil
}

// Statuses calls handle with every status that is published from now on: of the given cameras, or
// of all that this user has rights to where none is given. Messages that are no status are dropped and
// logged at debug level. handle is called from one goroutine at a time a camera given and must not block
// for long. stop ends it; it may be called twice.
func (c *Conn) Statuses(handle func(frame.Status), cameras ...frame.CameraID) (stop func(), err error) {
	cameras, err = c.within(cameras)
	if err != nil {
		return nil, err
	}
	subjects := []string{frame.AllStatuses}
	if len(cameras) > 0 {
		subjects = subjects[:0]
		for _, id := range cameras {
			subjects = append(subjects, id.StatusSubject())
		}
	}
	var subs []*nats.Subscription
	stop = func() {
		for _, sub := range subs {
			_ = sub.Unsubscribe() // fails only where it has ended already
		}
	}
	for _, subject := range subjects {
		sub, err := c.control.Subscribe(subject, func(m *nats.Msg) {
			s, err := frame.DecodeStatus(m.Subject, m.Data)
			if err != nil {
				c.log.Debug("not a status", "error", err)
				return
			}
			handle(s)
		})
		if err != nil {
			stop()
			return nil, fmt.Errorf("subscribe %s: %w", subject, err)
		}
		subs = append(subs, sub)
	}
	return stop, nil
}
