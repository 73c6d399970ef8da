package check

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// secretsMade are the Secrets that k8s/secrets.sh prints: what each holds, by its name.
func secretsMade(t *testing.T) map[string]map[string]string {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(root, "k8s", "secrets.sh"), filepath.Join(t.TempDir(), "env"))
	c.Env = append(c.Environ(), "DATABASE=postgres.example.com:5432/orderflow", "SMTP_URL=smtp://mail.example.com:587")
	var complaint bytes.Buffer
	c.Stderr = &complaint
	printed, err := c.Output()
	require.NoError(t, err, complaint.String())
	made := map[string]map[string]string{}
	for _, document := range bytes.Split(printed, []byte("---\n"))[1:] {
		var s corev1.Secret
		require.NoError(t, yaml.UnmarshalStrict(document, &s))
		assert.Equal(t, namespace, s.Namespace, s.Name)
		made[s.Name] = s.StringData
	}
	return made
}

// Whatever a pod of the dev overlay takes from a Secret is there and says something; and no Secret is there for nobody.
func TestSecretsOfAFirstLook(t *testing.T) {
	t.Parallel()
	made := secretsMade(t)
	files, err := ReadFiles(root)
	require.NoError(t, err)
	documents, err := files.Render("dev")
	require.NoError(t, err)
	o, err := Decode(documents)
	require.NoError(t, err)
	wanted := map[string]bool{}
	for _, w := range o.workloads() {
		for _, from := range w.pod.Spec.Containers[0].EnvFrom {
			if from.SecretRef != nil {
				wanted[from.SecretRef.Name] = true
				assert.NotEmpty(t, made[from.SecretRef.Name], "%s reads %s", w, from.SecretRef.Name)
			}
		}
		for _, e := range w.pod.Spec.Containers[0].Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				ref := e.ValueFrom.SecretKeyRef
				wanted[ref.Name] = true
				assert.NotEmpty(t, made[ref.Name][ref.Key], "%s reads %s of %s", w, ref.Key, ref.Name)
			}
		}
	}
	for name := range made {
		assert.True(t, wanted[name], "nobody reads %s", name)
	}
	assert.Regexp(t, `^postgres://payment:p[0-9a-f]{48}@postgres\.example\.com:5432/orderflow$`, made["orderflow-payment"]["DATABASE_URL"])
	assert.Regexp(t, `^postgres://orderflow:p[0-9a-f]{48}@`, made["orderflow-migrate"]["DATABASE_URL"])
	assert.Equal(t, "nats://orderctl:"+made["orderflow-nats"]["NATS_PASSWORD_ORDERCTL"]+"@orderflow-nats:4222", made["orderflow-provision"]["NATS_URL"])
}
