#!/bin/sh
# Prints the Secrets that overlays/dev names, out of the passwords that deploy/secrets.sh makes once:
#   DATABASE='postgres.example.com:5432/orderflow' SMTP_URL=smtp://mail.example.com:587 k8s/secrets.sh | kubectl apply -f -
# DATABASE is what stands behind the @ in DATABASE_URL. Another file than deploy/.env is the first argument.
set -eu
: "${DATABASE:?where Postgres is, as host:5432/orderflow}" "${SMTP_URL:?the mail server, as smtp://user:password@host:587}"
here=$(dirname "$0")
file=${1:-$here/../deploy/.env}
"$here/../deploy/secrets.sh" "$file" >/dev/null # whatever is missing there

kept() { sed -n "s/^$1=//p" "$file"; }
upper() { printf %s "$1" | tr a-z A-Z; }

secret() { # name, then names and values
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: { name: orderflow-%s, namespace: orderflow }\nstringData:\n' "$1"
  shift
  while [ $# -gt 0 ]; do
    printf '  %s: "%s"\n' "$1" "$2"
    shift 2
  done
}
settings() { # a whole secret of those settings that a pattern names
  secret "$1"
  sed -n "s/^\($2\)=\(.*\)/  \1: \"\2\"/p" "$file"
}
nats() { echo "nats://$1:$(kept "NATS_PASSWORD_$(upper "$1")")@orderflow-nats:4222"; }
database() { echo "postgres://$1:$(kept "DATABASE_PASSWORD_$(upper "${2:-$1}")")@$DATABASE"; }

settings nats 'NATS_PASSWORD_[A-Z]*'
echo '  NATS_PASSWORD_ROUTE: none' # there is one node
settings webhooks '[A-Z0-9]*_WEBHOOK_SECRET'
secret master MASTER_KEY "$(kept MASTER_KEY)"
secret migrate DATABASE_URL "$(database orderflow owner)"
secret provision NATS_URL "$(nats orderctl)"
secret ingress NATS_URL "$(nats ingress)"
for service in orders payment fraud inventory projector; do
  secret "$service" NATS_URL "$(nats $service)" DATABASE_URL "$(database $service)"
done
secret fulfillment NATS_URL "$(nats fulfillment)" DATABASE_URL "$(database fulfillment)" CARRIER_KEY "$(kept CARRIER_KEY)"
secret notifier NATS_URL "$(nats notifier)" DATABASE_URL "$(database notifier)" SMTP_URL "$SMTP_URL"
secret operators NATS_URL "$(nats operators)" DATABASE_URL "$(database operators)" TOKEN_KEYS "$(kept TOKEN_KEYS)"
