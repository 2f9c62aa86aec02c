package source

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

func TestSlotKeepsTheNewest(t *testing.T) {
	s := NewSlot[int]()
	if _, dropped := s.Put(1); dropped {
		t.Error("the first value dropped something")
	}
	for i := 2; i <= 5; i++ {
		if old, dropped := s.Put(i); !dropped || old != i-1 {
			t.Errorf("Put(%d) dropped %d, %v", i, old, dropped)
		}
	}
	if v, err := s.Take(t.Context()); v != 5 || err != nil {
		t.Errorf("took %d, %v", v, err)
	}
	if _, dropped := s.Put(6); dropped {
		t.Error("a value that was taken was dropped too")
	}
}

func TestSlotTakeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSlot[int]()
		got := make(chan int, 1)
		take := func() {
			v, _ := s.Take(t.Context())
			got <- v
		}
		for i := 1; i <= 3; i++ { // the token of a value that was taken without waiting is left over
			go take()
			synctest.Wait()
			if len(got) > 0 {
				t.Fatalf("round %d: took %d from an empty slot", i, <-got)
			}
			s.Put(i)
			if v := <-got; v != i {
				t.Errorf("took %d, want %d", v, i)
			}
			s.Put(-i)
			if v, _ := s.Take(t.Context()); v != -i {
				t.Errorf("took %d, want %d", v, -i)
			}
		}
	})
}

func TestSlotClose(t *testing.T) {
	ended, other := errors.New("ended"), errors.New("other")
	s := NewSlot[int]()
	s.Put(1)
	s.Close(ended)
	s.Close(other)
	if v, dropped := s.Put(2); !dropped || v != 2 {
		t.Errorf("Put on a closed slot gave %d, %v back", v, dropped)
	}
	if v, err := s.Take(t.Context()); v != 1 || err != nil {
		t.Errorf("took %d, %v; want what was in it", v, err)
	}
	for range 3 {
		if _, err := s.Take(t.Context()); err != ended {
			t.Errorf("then %v, want the first Close's error", err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := NewSlot[int]()
		got := make(chan error, 1)
		go func() {
			_, err := s.Take(context.Background())
			got <- err
		}()
		synctest.Wait()
		s.Close(ended)
		if err := <-got; err != ended {
			t.Errorf("a waiting Take returned %v", err)
		}
	})
}

// ctx wins over a value, so that a taker ends however fast values come.
func TestSlotTakeCancelled(t *testing.T) {
	s := NewSlot[int]()
	ctx, cancel := context.WithCancel(t.Context())
	s.Put(1)
	cancel()
	if _, err := s.Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("took with %v", err)
	}
	if v, err := s.Take(t.Context()); v != 1 || err != nil {
		t.Errorf("the value is gone: %d, %v", v, err)
	}
}

// Every value is either taken or given back to who puts, none twice.
func TestSlotLosesNothing(t *testing.T) {
	const n = 20000
	s := NewSlot[int]()
	var droppedSum, takenSum, takes int
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; i <= n; i++ {
			if old, dropped := s.Put(i); dropped {
				droppedSum += old
			}
		}
		s.Close(errors.New("end"))
	})
	wg.Go(func() {
		last := 0
		for {
			v, err := s.Take(context.Background())
			if err != nil {
				return
			}
			if v <= last {
				t.Errorf("took %d after %d", v, last)
			}
			last = v
			takenSum += v
			takes++
		}
	})
	wg.Wait()
	if want := n * (n + 1) / 2; droppedSum+takenSum != want || takes == 0 {
		t.Errorf("%d taken in %d, %d dropped: together %d, want %d", takenSum, takes, droppedSum, droppedSum+takenSum, want)
	}
}
