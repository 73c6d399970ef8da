package check

import (
	"crypto/tls"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// The server itself reads the configuration as a node would, with the environment of its pod.
func TestTheBrokerReadsItsConfiguration(t *testing.T) {
	files, err := ReadFiles(root)
	require.NoError(t, err)
	for _, overlay := range overlays {
		documents, err := files.Render(overlay)
		require.NoError(t, err)
		o, err := Decode(documents)
		require.NoError(t, err)
		n := layOut(t, o, 0, func(_ int, port string) string { return port })
		pod, container := n.pod, n.pod.Containers[0]
		secure := o.settings()["NATS_ALLOW_PLAINTEXT"] == ""
		if secure {
			n.certify(t, testkit.NewAuthority(t, t.TempDir(), "test"), []string{"orderflow-nats"})
		}
		for name, value := range n.env {
			t.Setenv(name, value)
		}
		var users []string
		for _, u := range bus.Users() {
			users = append(users, u.Name)
		}
		options, err := server.ProcessConfigFile(filepath.Join(n.dir, "config", "nats.conf"))
		require.NoError(t, err, overlay)

		assert.True(t, options.JetStream && options.SyncAlways, "%s: a message is acknowledged once it is on disk", overlay)
		assert.Equal(t, secure, options.TLSConfig != nil, "%s: clients speak TLS", overlay)
		assert.Equal(t, secure, options.Cluster.TLSConfig != nil, "%s: and so do nodes", overlay)
		if secure {
			assert.Equal(t, tls.RequireAndVerifyClientCert, options.Cluster.TLSConfig.ClientAuth)
		}
		assert.Equal(t, "orderflow-nats-0", options.ServerName)
		assert.Greater(t, options.MaxPayload, int32(1048576+64<<10), "a webhook of INGRESS_MAX_BODY fits")
		assert.EqualValues(t, port(container, "client"), options.Port)
		assert.EqualValues(t, port(container, "monitor"), options.HTTPPort)
		assert.Equal(t, []string{"nats-server", "--config", "/etc/nats/nats.conf"}, container.Command)
		assert.Equal(t, filepath.Join(n.dir, "data"), options.StoreDir, "it stores on the volume")
		volume := o.statefulSets["orderflow-nats"].Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().Value()
		assert.Greater(t, options.JetStreamMaxStore, int64(10<<30+2<<30+1<<30+256<<20), "INTAKE, EVENTS, DEAD and COMMANDS fit, also when they are full")
		assert.Less(t, options.JetStreamMaxStore, volume*9/10, "and the volume has room beside them")
		assert.Equal(t, "ldm="+options.PidFile, n.paths.Replace(container.Lifecycle.PreStop.Exec.Command[2]))
		assert.Greater(t, float64(*pod.TerminationGracePeriodSeconds), (options.LameDuckDuration + options.LameDuckGracePeriod).Seconds())
		var named []string
		for _, u := range options.Users {
			named = append(named, u.Username)
			assert.Equal(t, "of-"+u.Username, u.Password)
		}
		assert.ElementsMatch(t, users, named)
		if replicas := int(*o.statefulSets["orderflow-nats"].Spec.Replicas); replicas > 1 {
			assert.Len(t, options.Routes, replicas)
			assert.EqualValues(t, port(container, "cluster"), options.Cluster.Port)
			assert.Equal(t, "route of-route", options.Cluster.Username+" "+options.Cluster.Password)
			for _, r := range options.Routes {
				assert.Equal(t, "route:of-route", r.User.String())
				host := strings.Split(r.Hostname(), ".")
				assert.Contains(t, slices.Collect(maps.Keys(o.services)), host[1], "a node is found by the headless Service")
			}
		} else {
			assert.Empty(t, options.Routes)
		}
		if o.external != nil {
			for _, u := range append(users, "route") {
				assert.True(t, o.external["orderflow-nats"].has("NATS_PASSWORD_"+strings.ToUpper(u)), u)
			}
		}
	}
}
