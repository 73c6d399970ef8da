// Package check holds the manifests of k8s/ against the code: every stream, durable, port, path, metric and setting that
// they name is one that the code has, and every pod is what a careful cluster asks for. Its tests render all overlays in
// process; nothing of it needs a cluster or a network.
package check
