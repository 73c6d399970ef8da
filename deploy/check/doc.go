// Package check holds what stands in deploy/ against the code and against the rules of the house, without an engine:
// compose.yaml, alert rules with their unit tests and their runbook, and dashboards.
//
//	code.go        what the sources export (metrics with their labels) and read (settings); what events there are
//	compose.go     how containers are contained, what waits for what, who knows which secret
//	rules.go       every alert: severity, runbook, and what its expression names
//	unittest.go    the unit tests of the alerts, as promtool evaluates them
//	dashboards.go  every panel, and what its expressions name
//	query.go       what an expression names, against what there is
package check
