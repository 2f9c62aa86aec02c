//go:build !opencv

package opencv

import (
	"errors"
	"testing"

	"github.com/lensbus/lensbus/publisher/source"
)

func TestWithoutOpenCVEveryOpenerSaysHowToGetIt(t *testing.T) {
	for name, open := range map[string]source.Opener{"OpenV4L2": OpenV4L2, "OpenFile": OpenFile, "OpenRTSP": OpenRTSP, "OpenAny": OpenAny} {
		if _, err := open(t.Context(), source.Spec{Kind: source.KindFile, Address: "x"}, source.Env{}); !errors.Is(err, ErrNotBuilt) {
			t.Errorf("%s: %v, want ErrNotBuilt", name, err)
		}
	}
	if Built || Version() != "" || Backends() != nil {
		t.Errorf("Built %v, Version %q, Backends %v: want none of it", Built, Version(), Backends())
	}
}
