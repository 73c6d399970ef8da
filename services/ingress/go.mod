module github.com/orderflow/orderflow/services/ingress

go 1.26.0

replace github.com/orderflow/orderflow/pkg => ../../pkg

require (
	github.com/orderflow/orderflow/pkg v0.0.0
	google.golang.org/protobuf v1.36.12
)

require github.com/stripe/stripe-go/v76 v76.25.0

require (
	github.com/stretchr/testify v1.12.1
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
