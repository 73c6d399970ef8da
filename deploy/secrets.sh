#!/bin/sh
# Makes deploy/.env, once: every password that compose.yaml needs, a key for personal data and secrets for webhooks.
# Only its owner may read it, and git ignores it. What is in it already stays: run it again when an upgrade needs more.
#   deploy/secrets.sh [FILE]
set -eu
umask 077
file=${1:-$(dirname "$0")/.env}

random() { # bytes, from the kernel
  dd if=/dev/urandom bs="$1" count=1 2>/dev/null
}
# A letter first, then letters and digits: it becomes part of URLs and of the broker's configuration.
password() { printf 'p%s' "$(random 24 | od -An -tx1 | tr -d ' \n')"; }
base64_of() { random "$1" | base64 | tr -d '\n'; }

have() { [ -f "$file" ] && grep -q "^$1=" "$file"; }
keep() { # name, how it is made
  name=$1
  shift
  have "$name" || printf '%s=%s\n' "$name" "$("$@")" >>"$file"
}
webhook_secret() { printf 'whsec_%s' "$(base64_of 32)"; }

touch "$file"
chmod 600 "$file"
for user in OWNER ORDERS PAYMENT FRAUD INVENTORY FULFILLMENT NOTIFIER PROJECTOR OPERATORS; do
  keep "DATABASE_PASSWORD_$user" password
done
for user in AMAZON FRAUD FULFILLMENT INGRESS INVENTORY NOTIFIER OPERATORS ORDERCTL ORDERS PAYMENT PROJECTOR; do
  keep "NATS_PASSWORD_$user" password
done
keep MASTER_KEY base64_of 32
keep TOKEN_KEYS base64_of 32
keep CARRIER_KEY password
keep SANDBOX_WEBHOOK_SECRET webhook_secret
keep CHECKOUT_WEBHOOK_SECRET webhook_secret
keep STRIPE_WEBHOOK_SECRET webhook_secret
keep SHOPIFY_WEBHOOK_SECRET password
keep WOOCOMMERCE_WEBHOOK_SECRET password
keep GRAFANA_PASSWORD password
echo "$file is complete."
