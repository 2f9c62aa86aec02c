package bus

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// balanced says whether the account adds up.
func balanced(s StoredStats) bool {
	sum := s.Stored + uint64(s.InFlight)
	for _, n := range s.Unstored {
		sum += n
	}
	return sum == s.Sent
}

// Whatever happens, in whatever order, every frame that has left is accounted for once, and told of
// once when it is settled.
func TestLedgerAddsUp(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			l := new(ledger)
			accounts := []account{newAccount("FRAMES_front"), newAccount("FRAMES_yard")}
			told := make([]map[uint64]int, len(accounts))
			sent := make([]uint64, len(accounts))
			for i := range accounts {
				told[i] = make(map[uint64]int)
				accounts[i].tell = func(o StoredOutcome) { told[i][o.Seq]++ }
			}
			var asked []uint64
			answers := []answer{
				{stream: "FRAMES_front", seq: 1}, {stream: "FRAMES_yard", seq: 2}, {stream: "another", seq: 3},
				{reason: UnstoredNoStream}, {reason: UnstoredBusy}, {reason: UnstoredDuplicate}, {reason: UnstoredTooLarge},
			}
			seq := uint64(0)
			for range 400 {
				switch random.IntN(10) {
				default: // a frame
					i := random.IntN(len(accounts))
					seq++
					f := &frame.Frame{Epoch: "e", Seq: seq}
					number, asking := l.begin(&accounts[i], f)
					if asking != (number != 0) {
						t.Fatalf("number %d, asking %v", number, asking)
					}
					if asking {
						asked = append(asked, number)
						switch random.IntN(6) { // before it is known to have left
						case 0:
							l.answered(number, answers[random.IntN(len(answers))])
						case 1:
							l.lost()
						}
					}
					left := random.IntN(8) > 0
					l.left(&accounts[i], f, number, left)
					if left {
						sent[i]++
					} else {
						told[i][seq] = -1 // to be told of nothing
					}
				case 0, 1, 2: // an answer, to a frame of long ago too
					if len(asked) > 0 {
						l.answered(asked[random.IntN(len(asked))], answers[random.IntN(len(answers))])
					}
				case 3:
					l.answered(random.Uint64(), answers[0])
				case 4:
					time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
					synctest.Wait()
				case 5:
					if random.IntN(10) == 0 {
						l.lost()
					}
				}
				for i := range accounts {
					s := l.stats(&accounts[i])
					if !balanced(s) || s.Sent != sent[i] || s.InFlight > mostInFlight || s.InFlight < 0 {
						t.Fatalf("seed %d: %d have left: %+v", seed, sent[i], s)
					}
				}
			}
			time.Sleep(answerWait) // all that wait have no answer
			synctest.Wait()
			for i := range accounts {
				s := l.stats(&accounts[i])
				if s.InFlight != 0 || !balanced(s) {
					t.Fatalf("seed %d: at the end: %+v", seed, s)
				}
				settled := uint64(0)
				for seq, n := range told[i] {
					switch n {
					case 1:
						settled++
					case -1:
					default:
						t.Errorf("seed %d: frame %d was told of %d times", seed, seq, n)
					}
				}
				if settled != s.Sent {
					t.Errorf("seed %d: %d of %d frames were told of", seed, settled, s.Sent)
				}
			}
			l.close()
		})
	}
}

// rig for the rules of asking.
type books struct {
	*testing.T
	ledger  ledger
	account account
	seq     uint64
}

// publish publishes one frame and returns its number, 0 where the broker was not asked.
func (b *books) publish() uint64 {
	b.seq++
	f := &frame.Frame{Epoch: "e", Seq: b.seq}
	number, _ := b.ledger.begin(&b.account, f)
	b.ledger.left(&b.account, f, number, true)
	return number
}

func (b *books) unstored(reason UnstoredReason, want uint64) {
	b.Helper()
	if s := b.ledger.stats(&b.account); s.Unstored[reason] != want {
		b.Fatalf("unstored for %s: %d, want %d: %+v", reason, s.Unstored[reason], want, s)
	}
}

func newBooks(t *testing.T) *books { return &books{T: t, account: newAccount("FRAMES_front")} }

func confirmed(seq uint64) answer { return answer{stream: "FRAMES_front", seq: seq} }

func TestSixteenWaitAtMost(t *testing.T) {
	b := newBooks(t)
	defer b.ledger.close()
	var numbers []uint64
	for range mostInFlight {
		numbers = append(numbers, b.publish())
	}
	if b.publish() != 0 {
		t.Error("the 17th was asked for too")
	}
	b.unstored(UnstoredWindow, 1)
	b.ledger.answered(numbers[3], confirmed(4))
	if b.publish() == 0 {
		t.Error("with room again it was not asked for")
	}
	if s := b.ledger.stats(&b.account); s.Stored != 1 || s.LastSeq != 4 || s.Stopped != "" || s.InFlight != mostInFlight {
		t.Errorf("%+v", s)
	}
}

func TestABrokerThatDoesNotConfirmIsAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBooks(t)
		b.publish()
		time.Sleep(answerWait)
		synctest.Wait()
		b.unstored(UnstoredTimeout, 1)
		<-b.account.changed
		asked, unasked := 0, uint64(0)
		for range 100 { // 10 s of 10 frames a second
			if b.publish() != 0 {
				asked++
			} else {
				unasked++
			}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if asked < 8 || asked > 10 {
			t.Errorf("asked %d times in 10 s", asked)
		}
		s := b.ledger.stats(&b.account)
		if got := s.Unstored[UnstoredTimeout] + uint64(s.InFlight); got != 101 || s.InFlight > 5 {
			t.Errorf("all are unstored for timeout, or wait: %+v", s)
		}
		// It recovers by itself: the next one that is asked for is confirmed.
		number := uint64(0)
		for number == 0 {
			time.Sleep(100 * time.Millisecond)
			number = b.publish()
		}
		b.ledger.answered(number, confirmed(7))
		if s := b.ledger.stats(&b.account); s.Stopped != "" || s.Stored != 1 {
			t.Errorf("%+v", s)
		}
		if first, second := b.publish(), b.publish(); first == 0 || second == 0 {
			t.Error("not every frame is asked for again")
		}
		b.ledger.close()
	})
}

func TestOneFramesRefusalStopsNothing(t *testing.T) {
	for _, reason := range []UnstoredReason{UnstoredTooLarge, UnstoredDuplicate, UnstoredDisconnected} {
		b := newBooks(t)
		b.ledger.answered(b.publish(), answer{reason: reason})
		b.unstored(reason, 1)
		if b.publish() == 0 {
			t.Errorf("after %s the next is not asked for", reason)
		}
		b.ledger.close()
	}
	b := newBooks(t)
	defer b.ledger.close()
	b.ledger.answered(b.publish(), answer{reason: UnstoredNoStream})
	if b.publish() != 0 {
		t.Error("without a stream every frame is asked for")
	}
	b.unstored(UnstoredNoStream, 2)
	b.ledger.askAgain(&b.account)
	if b.publish() == 0 {
		t.Error("it is not asked again when something was done about it")
	}
}

func TestAnOldFailureStopsNothing(t *testing.T) {
	b := newBooks(t)
	defer b.ledger.close()
	older, newer := b.publish(), b.publish()
	b.ledger.answered(newer, confirmed(2))
	b.ledger.answered(older, answer{reason: UnstoredTimeout})
	b.unstored(UnstoredTimeout, 1)
	if s := b.ledger.stats(&b.account); s.Stopped != "" {
		t.Errorf("%+v", s)
	}
}

func TestAnotherStreamsConfirmationIsNone(t *testing.T) {
	b := newBooks(t)
	defer b.ledger.close()
	b.ledger.answered(b.publish(), answer{stream: "EVERYTHING", seq: 1})
	b.unstored(UnstoredRefused, 1)
}

func TestAfterTheEndNothingWaits(t *testing.T) {
	b := newBooks(t)
	b.publish()
	b.ledger.close()
	b.unstored(UnstoredDisconnected, 1)
	if b.publish() != 0 {
		t.Error("it is asked for after the end")
	}
	b.ledger.close()
}
