package bus

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLatestGivesTheNewest(t *testing.T) {
	var l Latest[int]
	if _, ok := l.Newest(); ok {
		t.Fatal("a value before the first")
	}
	early := l.Reader()
	for i := range 5 {
		l.Put(i)
	}
	if v, skipped, err := early.Next(t.Context()); v != 4 || skipped != 4 || err != nil {
		t.Errorf("reader from the start: %d, skipped %d, %v", v, skipped, err)
	}
	if v, skipped, err := l.Reader().Next(t.Context()); v != 4 || skipped != 0 || err != nil {
		t.Errorf("new reader: %d, skipped %d, %v", v, skipped, err)
	}
	end := errors.New("the end")
	l.Put(5)
	l.Close(end)
	l.Put(6)
	l.Close(errors.New("another"))
	if v, _, err := early.Next(t.Context()); v != 5 || err != nil {
		t.Errorf("after Close: %d, %v; want the last value first", v, err)
	}
	if _, _, err := early.Next(t.Context()); !errors.Is(err, end) {
		t.Errorf("then %v", err)
	}
}

func TestLatestReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Latest[string]
		r := l.Reader()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("nothing came: %v", err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if v, _, err := r.Next(t.Context()); v != "x" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
		synctest.Wait()
		l.Put("x")
		wg.Wait()
	})
}

func TestLatestUnderLoad(t *testing.T) {
	var l Latest[int]
	const values = 5000
	var wg sync.WaitGroup
	for range 8 {
		r := l.Reader()
		wg.Go(func() {
			got, skipped := 0, uint64(0)
			for {
				v, s, err := r.Next(context.Background())
				if err != nil {
					break
				}
				got++
				skipped += s
				if uint64(v) != uint64(got)+skipped {
					t.Errorf("value %d after %d got and %d skipped", v, got, skipped)
					return
				}
			}
			if uint64(got)+skipped != values {
				t.Errorf("%d got, %d skipped, want %d in all", got, skipped, values)
			}
		})
	}
	for i := range values {
		l.Put(i + 1)
	}
	l.Close(errors.New("end"))
	wg.Wait()
}

func BenchmarkLatest32Readers(b *testing.B) {
	var l Latest[int]
	var wg sync.WaitGroup
	for range 32 {
		r := l.Reader()
		wg.Go(func() {
			for {
				if _, _, err := r.Next(context.Background()); err != nil {
					return
				}
			}
		})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.Put(i)
	}
	l.Close(errors.New("end"))
	wg.Wait()
}
