module github.com/orderflow/orderflow/services/projector

go 1.26.0

replace github.com/orderflow/orderflow/pkg => ../../pkg
