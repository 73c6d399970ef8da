package check

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
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
		pod := o.statefulSets["orderflow-nats"].Spec.Template.Spec
		container, folder := pod.Containers[0], t.TempDir()
		for _, source := range pod.Volumes[0].Projected.Sources {
			for name, content := range o.configMaps[source.ConfigMap.Name].Data {
				require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
			}
		}
		var users []string
		for _, u := range bus.Users() {
			users = append(users, u.Name)
			t.Setenv("NATS_PASSWORD_"+strings.ToUpper(u.Name), "of-"+u.Name)
		}
		t.Setenv("NATS_PASSWORD_ROUTE", "of-route")
		t.Setenv("POD_NAME", "orderflow-nats-0")
		for _, e := range container.Env {
			if e.Value != "" {
				t.Setenv(e.Name, strings.ReplaceAll(e.Value, "$(NATS_PASSWORD_ROUTE)", "of-route"))
			}
		}
		options, err := server.ProcessConfigFile(filepath.Join(folder, "nats.conf"))
		require.NoError(t, err, overlay)

		assert.True(t, options.JetStream && options.SyncAlways, "%s: a message is acknowledged once it is on disk", overlay)
		assert.Equal(t, "orderflow-nats-0", options.ServerName)
		assert.Greater(t, options.MaxPayload, int32(1048576+64<<10), "a webhook of INGRESS_MAX_BODY fits")
		assert.EqualValues(t, port(container, "client"), options.Port)
		assert.EqualValues(t, port(container, "monitor"), options.HTTPPort)
		assert.Equal(t, []string{"nats-server", "--config", "/etc/nats/nats.conf"}, container.Command)
		mounts := map[string]string{}
		for _, m := range container.VolumeMounts {
			mounts[m.MountPath] = m.Name
		}
		assert.Equal(t, "data", mounts[options.StoreDir], "it stores on the volume")
		assert.Contains(t, container.Lifecycle.PreStop.Exec.Command, "ldm="+options.PidFile)
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
