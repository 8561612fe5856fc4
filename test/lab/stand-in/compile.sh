#!/bin/bash
# Compiles RELEASE_URL with the real slapgrid, in a tree whose only network is its own loopback.
set -euo pipefail
export HOME=/root PATH=/opt/slapos/bin:$PATH
cd /var/tmp

# RELEASE_HOST is this tree (its /etc/hosts says so), and trusted.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$RELEASE_HOST" -addext "subjectAltName=DNS:$RELEASE_HOST" \
  -keyout served.key -out served.crt 2>/dev/null
export SSL_CERT_FILE=/var/tmp/served.crt REQUESTS_CA_BUNDLE=/var/tmp/served.crt
ip link set lo up
ip -6 address add fd5a:ffff::1/64 dev lo nodad
python3 serve.py served served.crt served.key &

mkdir -p /opt/slapgrid /srv/slapgrid
slapos configure local --interface-name lo --partition-number 1
for _ in $(seq 100); do
  slapos node format --now && break
  sleep 0.2
done
slapos supply "$RELEASE_URL" local_computer
slapos node software --verbose
test -e "/opt/slapgrid/$(printf %s "$RELEASE_URL" | md5sum | cut -d ' ' -f 1)/.completed"
