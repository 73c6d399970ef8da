module github.com/orderflow/orderflow/services/sandbox

go 1.26.0

replace github.com/orderflow/orderflow/pkg => ../../pkg
