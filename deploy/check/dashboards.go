package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A dashboard as Grafana reads it, as far as it is used here; anything else is an error.
type dashboard struct {
	UID         string                    `json:"uid"`
	Title       string                    `json:"title"`
	Description string                    `json:"description"`
	Tags        []string                  `json:"tags"`
	Schema      int                       `json:"schemaVersion"`
	Editable    bool                      `json:"editable"`
	Refresh     string                    `json:"refresh"`
	Timezone    string                    `json:"timezone"`
	Time        struct{ From, To string } `json:"time"`
	Panels      []panel                   `json:"panels"`
}

type panel struct {
	ID          int                        `json:"id"`
	Type        string                     `json:"type"`
	Title       string                     `json:"title"`
	Description string                     `json:"description"`
	Datasource  struct{ Type, UID string } `json:"datasource"`
	At          struct{ X, Y, W, H int }   `json:"gridPos"`
	Config      struct {
		Defaults struct {
			Unit string   `json:"unit"`
			Min  *float64 `json:"min"`
		} `json:"defaults"`
		Overrides []struct{} `json:"overrides"`
	} `json:"fieldConfig"`
	Targets []struct {
		Ref    string `json:"refId"`
		Expr   string `json:"expr"`
		Legend string `json:"legendFormat"`
	} `json:"targets"`
}

func dashboards(deploy string, code *Code, f *Findings) {
	source, err := datasource(deploy)
	f.unless(err == nil, "datasources: %v", err)
	files, err := filepath.Glob(filepath.Join(deploy, "grafana", "dashboards", "*.json"))
	f.unless(err == nil && len(files) > 0, "there is no dashboard")
	uids := map[string]string{}
	for _, file := range files {
		where := filepath.Base(file)
		text, err := os.ReadFile(file)
		if !f.unless(err == nil, "%s: %v", where, err) {
			continue
		}
		var d dashboard
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&d); err != nil {
			f.add("%s: %v", where, err)
			continue
		}
		f.unless(d.UID != "" && d.Title != "" && uids[d.UID] == "", "%s has the uid of %q, or no title", where, uids[d.UID])
		uids[d.UID] = where
		d.look(source, code, where, f)
	}
}

// rateInterval stands for what Grafana puts in its place.
var rateInterval = strings.NewReplacer("$__rate_interval", "5m")

func (d dashboard) look(source string, code *Code, where string, f *Findings) {
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		at := fmt.Sprintf("%s: %s", where, p.Title)
		f.unless(p.Title != "" && p.ID > 0 && !ids[p.ID], "%s: its id or title is that of another, or missing", at)
		ids[p.ID] = true
		f.unless(p.Type == "timeseries" || p.Type == "stat", "%s is a %s", at, p.Type)
		f.unless(p.Datasource.UID == source, "%s asks %q, which is not provisioned", at, p.Datasource.UID)
		f.unless(p.Config.Defaults.Unit != "", "%s has no unit", at)
		for x := p.At.X; x < p.At.X+p.At.W; x++ {
			for y := p.At.Y; y < p.At.Y+p.At.H; y++ {
				f.unless(x < 24 && cells[[2]int{x, y}] == "", "%s lies over %q, or beyond the edge", at, cells[[2]int{x, y}])
				cells[[2]int{x, y}] = p.Title
			}
		}
		f.unless(len(p.Targets) > 0 && p.At.W*p.At.H > 0, "%s shows nothing", at)
		for _, t := range p.Targets {
			query(rateInterval.Replace(t.Expr), code, at, f)
		}
	}
}

// datasource is the uid of the one that is provisioned.
func datasource(deploy string) (string, error) {
	text, err := os.ReadFile(filepath.Join(deploy, "grafana", "provisioning", "datasources", "prometheus.yaml"))
	if err != nil {
		return "", err
	}
	var config struct {
		Sources []struct {
			UID string `yaml:"uid"`
		} `yaml:"datasources"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil || len(config.Sources) != 1 {
		return "", fmt.Errorf("there is not one datasource: %w", err)
	}
	return config.Sources[0].UID, nil
}
