// Package numbers reads, for tests, what a Prometheus collector shows. Which numbers are right is
// each test's own affair.
package numbers

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// Of returns value by name and labels, name{a,b} with the labels' values in the order of their
// names; of a histogram name_count{…} and name_sum{…}. What Prometheus's conventions object to fails
// the test.
func Of(t testing.TB, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := ""
			for i, l := range m.GetLabel() {
				if i > 0 {
					labels += ","
				}
				labels += l.GetValue()
			}
			if labels != "" {
				labels = "{" + labels + "}"
			}
			name := family.GetName()
			if h := m.GetHistogram(); h != nil {
				values[name+"_count"+labels] = float64(h.GetSampleCount())
				values[name+"_sum"+labels] = h.GetSampleSum()
				continue
			}
			values[name+labels] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}
