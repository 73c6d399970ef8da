module github.com/orderflow/orderflow/services/orderctl

go 1.26.0

replace github.com/orderflow/orderflow/pkg => ../../pkg

replace github.com/orderflow/orderflow/services/ingress => ../ingress

replace github.com/orderflow/orderflow/services/orders => ../orders

replace github.com/orderflow/orderflow/services/payment => ../payment

replace github.com/orderflow/orderflow/services/fraud => ../fraud

replace github.com/orderflow/orderflow/services/inventory => ../inventory

replace github.com/orderflow/orderflow/services/fulfillment => ../fulfillment

replace github.com/orderflow/orderflow/services/notifier => ../notifier

replace github.com/orderflow/orderflow/services/projector => ../projector

replace github.com/orderflow/orderflow/services/sandbox => ../sandbox
