package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"
	"go.yaml.in/yaml/v3"
)

// lastWords is how long a service has to close after DRAIN_PAUSE and DRAIN_TIMEOUT, before it is killed.
const lastWords = 10 * time.Second

// project is compose.yaml as it is understood, with the secrets that secrets.sh makes.
type project struct {
	*types.Project
	secrets map[string]string
	targets map[string]bool // what Prometheus scrapes
}

func compose(deploy string, code *Code, f *Findings) {
	p, err := loadProject(deploy)
	if err != nil {
		f.add("compose.yaml: %v", err)
		return
	}
	for program := range code.programs {
		f.unless(p.Services[program].Build != nil, "compose.yaml: %s is missing", program)
	}
	for name, c := range p.Configs {
		_, err := os.Stat(c.File)
		f.unless(err == nil, "compose.yaml: config %s: %v", name, err)
	}
	for name, s := range p.Services {
		where := "compose.yaml: " + name
		contained(s, where, f)
		kept(s, where, f)
		p.waits(name, s, where, f)
		if s.Build == nil {
			_, tag, tagged := strings.Cut(s.Image, ":")
			f.unless(tagged && tag != "latest", "%s: %s is not pinned", where, s.Image)
			continue
		}
		p.ours(name, s, code, where, f)
	}
	p.known(code, f)
}

func loadProject(deploy string) (*project, error) {
	secrets, err := makeSecrets(deploy)
	if err != nil {
		return nil, err
	}
	p, err := parse(deploy, secrets)
	if err != nil {
		return nil, err
	}
	targets, err := scraped(deploy)
	return &project{p, secrets, targets}, err
}

// parse is strict: what it does not know, refers to nothing or goes in a circle is an error.
func parse(deploy string, environ map[string]string) (*types.Project, error) {
	var pairs []string
	for name, value := range environ {
		pairs = append(pairs, name+"="+value)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(deploy, "compose.yaml")}, cli.WithEnv(pairs), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

// makeSecrets runs secrets.sh twice: the second time it has to leave what is there.
func makeSecrets(deploy string) (map[string]string, error) {
	folder, err := os.MkdirTemp("", "secrets")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }() // nothing in it is of use to anybody
	file := filepath.Join(folder, "env")
	var before []byte
	for range 2 {
		out, err := exec.CommandContext(context.Background(), "sh", filepath.Join(deploy, "secrets.sh"), file).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("secrets.sh: %w: %s", err, out)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if before != nil && !bytes.Equal(before, text) {
			return nil, errors.New("secrets.sh changes what is there")
		}
		before = text
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		return nil, errors.Join(err, errors.New("secrets.sh: others can read the file"))
	}
	secrets := map[string]string{}
	for line := range strings.Lines(string(before)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if len(value) < 32 {
			return nil, fmt.Errorf("secrets.sh: %s is too short to be a secret", name)
		}
		secrets[name] = value
	}
	return secrets, nil
}

// scraped are the services that prometheus.yaml names, by their admin port or by a name that is looked up.
func scraped(deploy string) (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(deploy, "prometheus", "prometheus.yaml"))
	if err != nil {
		return nil, err
	}
	var config struct {
		Scrape []struct {
			Static []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
			DNS []struct {
				Names []string `yaml:"names"`
				Port  int      `yaml:"port"`
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("prometheus.yaml: %w", err)
	}
	found := map[string]bool{}
	for _, job := range config.Scrape {
		for _, s := range job.Static {
			for _, t := range s.Targets {
				found[t] = true
			}
		}
		for _, d := range job.DNS {
			for _, n := range d.Names {
				found[fmt.Sprintf("%s:%d", n, d.Port)] = true
			}
		}
	}
	return found, nil
}

// contained says what a container must not be able to do.
func contained(s types.ServiceConfig, where string, f *Findings) {
	f.unless(s.ReadOnly, "%s can write its root", where)
	f.unless(slices.Contains(s.CapDrop, "ALL") && len(s.CapAdd) == 0, "%s has capabilities", where)
	f.unless(slices.Contains(s.SecurityOpt, "no-new-privileges:true"), "%s may gain privileges", where)
	f.unless(!s.Privileged && s.NetworkMode == "" && s.Pid == "" && s.Ipc == "" && s.UserNSMode == "" && len(s.Devices) == 0, "%s shares something of its host", where)
	f.unless(s.MemLimit > 0, "%s has no limit of memory", where)
	f.unless(s.PidsLimit > 0, "%s has no limit of processes", where)
	for _, p := range s.Ports {
		f.unless(p.HostIP == "127.0.0.1", "%s publishes port %s beyond loopback", where, p.Published)
	}
	for _, v := range s.Volumes {
		f.unless(v.Type == types.VolumeTypeVolume || v.Type == types.VolumeTypeBind && v.ReadOnly, "%s may write %s of its host", where, v.Source)
	}
	if limit := s.Environment["GOMEMLIMIT"]; limit != nil {
		most, err := units.RAMInBytes(*limit)
		share := float64(most) / float64(s.MemLimit)
		f.unless(err == nil && share > 0.85 && share < 0.95, "%s: GOMEMLIMIT is not nine tenths of mem_limit", where)
	}
}

// kept says what a container needs that stands for long.
func kept(s types.ServiceConfig, where string, f *Findings) {
	if s.Restart == "" {
		return
	}
	f.unless(s.Restart == types.RestartPolicyUnlessStopped, "%s is restarted after it was stopped by hand", where)
	f.unless(s.HealthCheck != nil && !s.HealthCheck.Disable && len(s.HealthCheck.Test) > 1, "%s has no health check", where)
	f.unless(s.StopGracePeriod != nil, "%s has no grace period of its own", where)
}

func (p *project) waits(name string, s types.ServiceConfig, where string, f *Findings) {
	for on, d := range s.DependsOn {
		want := types.ServiceConditionCompletedSuccessfully
		if p.Services[on].Restart != "" {
			want = types.ServiceConditionHealthy
		}
		f.unless(d.Condition == want, "%s waits for %s to be %s, not %s", where, on, d.Condition, want)
	}
	first := map[string]bool{}
	p.before(name, first)
	needs := map[string][]string{
		"@postgres:": {"postgres"},
		"@nats:":     {"nats"},
	}
	if s.Restart != "" {
		needs["@postgres:"], needs["@nats:"] = []string{"postgres", "migrate", "logins"}, []string{"nats", "provision"}
	}
	for _, value := range s.Environment {
		for address, on := range needs {
			for _, n := range on {
				f.unless(value == nil || !strings.Contains(*value, address) || first[n], "%s does not wait for %s", where, n)
			}
		}
	}
}

// before collects everything that a service waits for, also by way of others.
func (p *project) before(name string, found map[string]bool) {
	for on := range p.Services[name].DependsOn {
		if !found[on] {
			found[on] = true
			p.before(on, found)
		}
	}
}

// ours are the programs of this repository.
func (p *project) ours(name string, s types.ServiceConfig, code *Code, where string, f *Findings) {
	program := ""
	if a := s.Build.Args["PROGRAM"]; a != nil {
		program = *a
	}
	f.unless(code.programs[program], "%s: there is no program %q", where, program)
	f.unless(s.Image == "orderflow/"+program, "%s: image %s is not that of %s", where, s.Image, program)
	_, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile))
	f.unless(err == nil, "%s: %v", where, err)
	f.unless(s.Environment["GOMEMLIMIT"] != nil, "%s has no GOMEMLIMIT", where)
	for setting, value := range s.Environment {
		readers := code.settings[setting]
		f.unless(readers[""] || readers[program] || setting == "GOMEMLIMIT", "%s: %s does not read %s", where, program, setting)
		f.unless(value != nil, "%s: %s is taken from wherever compose runs", where, setting)
	}
	if program == "orderctl" {
		return
	}
	f.unless(name == program, "%s runs %s", where, program)
	for setting, at := range map[string]string{"DATABASE_URL": "postgres", "NATS_URL": "nats"} {
		url := value(s, setting)
		f.unless(url == "" || strings.HasPrefix(url, at+"://"+name+":"), "%s logs in at %s as somebody else", where, at)
	}
	f.unless(s.HealthCheck != nil && slices.Equal(s.HealthCheck.Test, []string{"CMD", "/program", "health"}), "%s is not asked for its health", where)
	f.unless(value(s, "ADMIN_LISTEN") == ":9090" && p.targets[name+":9090"], "%s is not scraped at its ADMIN_LISTEN", where)
	drain := lastWords
	for _, setting := range []string{"DRAIN_PAUSE", "DRAIN_TIMEOUT"} {
		d, err := time.ParseDuration(value(s, setting))
		f.unless(err == nil || setting == "DRAIN_PAUSE" && value(s, setting) == "", "%s: %s is not set", where, setting)
		drain += d
	}
	f.unless(s.StopGracePeriod != nil && time.Duration(*s.StopGracePeriod) >= drain, "%s is killed before it has drained", where)
}

func value(s types.ServiceConfig, setting string) string {
	if v := s.Environment[setting]; v != nil {
		return *v
	}
	return ""
}

// knowers are those to whom a secret is given; for passwords of logins, see known.
var knowers = map[string][]string{
	"DATABASE_PASSWORD_OWNER":    {"postgres", "migrate", "logins", "orderctl"},
	"NATS_PASSWORD_ORDERCTL":     {"nats", "provision", "orderctl"},
	"MASTER_KEY":                 {"orders", "payment", "fraud", "inventory", "fulfillment", "notifier", "projector", "operators", "orderctl"},
	"TOKEN_KEYS":                 {"operators"},
	"CARRIER_KEY":                {"fulfillment", "sandbox"},
	"SANDBOX_WEBHOOK_SECRET":     {"ingress", "sandbox"},
	"STRIPE_WEBHOOK_SECRET":      {"ingress"},
	"SHOPIFY_WEBHOOK_SECRET":     {"ingress"},
	"WOOCOMMERCE_WEBHOOK_SECRET": {"ingress"},
	"CHECKOUT_WEBHOOK_SECRET":    {"ingress"},
	"GRAFANA_PASSWORD":           {"grafana"},
}

// known says who knows which secret, and that none stands in the file.
func (p *project) known(code *Code, f *Findings) {
	for secret, text := range p.secrets {
		want := knowers[secret]
		for prefix, at := range map[string]string{"DATABASE_PASSWORD_": "logins", "NATS_PASSWORD_": "nats"} {
			if user, is := strings.CutPrefix(secret, prefix); is && want == nil {
				want = []string{at, strings.ToLower(user)}
			}
		}
		var know []string
		for name, s := range p.Services {
			if slices.ContainsFunc(slices.Collect(maps.Values(s.Environment)), func(v *string) bool { return v != nil && strings.Contains(*v, text) }) {
				know = append(know, name)
			}
		}
		if !f.unless(len(know) > 0, "secrets.sh: %s is given to nobody", secret) {
			continue
		}
		slices.Sort(know)
		slices.Sort(want)
		f.unless(slices.Equal(know, want), "compose.yaml: %s is given to %v, not to %v", secret, know, want)
	}
	for name, s := range p.Services {
		for setting := range s.Environment {
			v := value(s, setting)
			secret := strings.Contains(setting, "PASSWORD") || code.secret[setting] && !strings.Contains(v, "://")
			if _, host, is := strings.Cut(v, "://"); is {
				secret = strings.Contains(host, "@")
			}
			f.unless(!secret || v == "" || p.made(v), "compose.yaml: %s: the secret %s stands in the file", name, setting)
		}
	}
}

// made says that secrets.sh made what is secret in a value.
func (p *project) made(value string) bool {
	for _, text := range p.secrets {
		if strings.Contains(value, text) {
			return true
		}
	}
	return false
}
