package bus

import "testing"

func TestAskerOf(t *testing.T) {
	for inbox, want := range map[string]string{
		"_INBOX.alice.Rk1.9f":  "_INBOX.alice",
		"_INBOX.alice.Rk2":     "_INBOX.alice",
		"_INBOX.4fJk2.job1":    "_INBOX.4fJk2",
		"_INBOX.4fJk2":         "_INBOX",
		"_INBOX_rec.4fJk2.job": "_INBOX_rec",
		"_INBOX_rec":           "_INBOX_rec",
		"_INBOX":               "_INBOX",
		"_INBOX.":              "_INBOX",
	} {
		if got := askerOf(inbox); got != want {
			t.Errorf("%s: %s, want %s", inbox, got, want)
		}
	}
}
