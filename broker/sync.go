package broker

import (
	"fmt"
	"time"
)

// Sync says when the broker forces to disk what it stores. The zero value is always: before it
// confirms, so that not even a power cut takes what was confirmed. Otherwise it is how often: a power
// cut or a crash of the operating system then takes up to so much of what was confirmed; a crash of the
// broker alone never does. In a configuration file it is "always" or a duration.
type Sync time.Duration

// UnmarshalText reads "always" or a duration.
func (s *Sync) UnmarshalText(text []byte) error {
	if string(text) == "always" {
		*s = 0
		return nil
	}
	every, err := time.ParseDuration(string(text))
	if err != nil || every == 0 {
		return fmt.Errorf("%.40q: want always, or a duration such as 10s", text)
	}
	*s = Sync(every)
	return nil
}

// String is what UnmarshalText reads.
func (s Sync) String() string {
	if s == 0 {
		return "always"
	}
	return time.Duration(s).String()
}
