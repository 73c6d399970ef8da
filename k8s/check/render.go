package check

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Files are manifests in memory, by their path in the repository: so that a test can break one of them.
type Files map[string]string

// ReadFiles reads what the overlays are made of, below the root of the repository.
func ReadFiles(root string) (Files, error) {
	files := Files{}
	for _, top := range []string{"k8s/base", "k8s/components", "k8s/overlays", "k8s/tilt", "deploy/nats", "deploy/postgres"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path) //nolint:gosec // our own checkout
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			files[filepath.ToSlash(name)] = string(content)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the manifests: %w", err)
		}
	}
	return files, nil
}

// Render is what `kubectl kustomize k8s/overlays/<overlay>` prints, each object as YAML.
func (f Files) Render(overlay string) ([][]byte, error) {
	return f.kustomize("k8s/overlays/" + overlay)
}

func (f Files) kustomize(folder string) ([][]byte, error) {
	memory := filesys.MakeFsInMemory()
	for name, content := range f {
		if err := memory.WriteFile("/"+name, []byte(content)); err != nil {
			return nil, fmt.Errorf("keep %s: %w", name, err)
		}
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(memory, "/"+folder)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", folder, err)
	}
	var documents [][]byte
	for _, r := range resources.Resources() {
		document, err := r.AsYAML()
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", folder, err)
		}
		documents = append(documents, document)
	}
	return documents, nil
}
