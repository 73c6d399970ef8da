module github.com/orderflow/orderflow/services/notifier

go 1.26.0

replace github.com/orderflow/orderflow/pkg => ../../pkg
