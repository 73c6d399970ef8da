module github.com/orderflow/orderflow/services/ingress

go 1.26.0

replace github.com/orderflow/orderflow/pkg => ../../pkg

require (
	github.com/orderflow/orderflow/pkg v0.0.0
	google.golang.org/protobuf v1.36.12
)
