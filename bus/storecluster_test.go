package bus_test

import (
	"fmt"
	"net"
	"net/url"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/bus"
)

// startCluster runs three NATS servers that are one, as a cluster of somebody's own.
func startCluster(t *testing.T) (address string) {
	t.Helper()
	for range 3 {
		if servers := tryCluster(t, freePorts(t, 3)); servers != nil {
			eventually(t, func() bool {
				leaders, current := 0, 0
				for _, s := range servers {
					if s.JetStreamIsLeader() {
						leaders++
					}
					if s.JetStreamIsCurrent() {
						current++
					}
				}
				return leaders == 1 && current == 3
			})
			return servers[0].ClientURL()
		}
	}
	t.Fatal("no three servers could be started")
	return ""
}

// freePorts are free when they are looked for; somebody else may be quicker to take one.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }() // when all are known, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// tryCluster starts servers that know each other's ports from the start, as JetStream wants; nil where
// a port is taken.
func tryCluster(t *testing.T, ports []int) (servers []*server.Server) {
	t.Helper()
	var routes []*url.URL
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	for i, port := range ports {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			MaxPayload: 8 << 20, JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 30,
			Cluster: server.ClusterOpts{Name: "three", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(patience) {
			return nil
		}
		servers = append(servers, s)
	}
	return servers
}

func TestReplicas(t *testing.T) {
	t.Parallel() // it mostly waits
	conn, _ := connected(t, bus.Options{Server: startCluster(t)})
	three := roomy
	three.Replicas = 3
	eventually(t, func() bool { // until the three have agreed on who leads
		_, err := conn.Provision(context20(t), "front", three)
		if err != nil {
			t.Log(err)
		}
		return err == nil
	})
	r := newStored(t, conn, "front", 5_000)
	r.publishUntil("frames are confirmed by a majority", func(s bus.StoredStats) bool { return s.Stored >= 10 })
	r.settle()
	info := streamOf(t, conn, "front").CachedInfo()
	if info.Config.Replicas != 3 || info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
		t.Errorf("%+v in %+v", info.Config, info.Cluster)
	}
	in := kept(t, conn, "front")
	for seq, n := range r.confirmed() {
		if in[n] != seq {
			t.Errorf("frame %d was confirmed as message %d, which is frame %d", seq, n, in[n])
		}
	}
	plan, err := conn.PlanStream(context20(t), "front", roomy)
	if err != nil || len(plan.Changes) != 1 || plan.Changes[0] != (bus.StreamChange{Setting: "replicas", From: "3", To: "1"}) {
		t.Errorf("%+v, %v", plan, err)
	}
}
