#!/bin/sh
# Record the captures again: all of them, or those named.
#
#     captures/record/run.sh [NAME...]
#     captures/record/run.sh --list
#
# Needs root (network namespaces), and from Debian:
#   apt-get install bind9-dnsutils chromium curl default-jdk-headless \
#     dnsmasq-base ethtool gnutls-bin golang-github-gorilla-websocket-dev golang-go haproxy \
#     iproute2 iptables iputils-ping memcached microsocks mosquitto mosquitto-clients \
#     nghttp2-client nghttp2-server nginx nodejs npm openssh-client openssh-server \
#     openssl postgresql-15 python3-venv redis-server redis-tools tcpdump tinyproxy tshark
# and cargo, 1.78 or later.  Python and Node packages go to a temporary directory, not into the tree.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
WSCOPE_RECORD=${WSCOPE_RECORD:-${TMPDIR:-/tmp}/wscope-record}
export WSCOPE_RECORD
mkdir -p "$WSCOPE_RECORD/node"
[ -x "$WSCOPE_RECORD/venv/bin/python" ] || python3 -m venv "$WSCOPE_RECORD/venv"
"$WSCOPE_RECORD/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
if ! cmp -s "$here/package.json" "$WSCOPE_RECORD/node/package.json"; then
    cp "$here/package.json" "$here/package-lock.json" "$WSCOPE_RECORD/node/"
    (cd "$WSCOPE_RECORD/node" && npm ci --silent --no-audit --no-fund)
fi
PYTHONDONTWRITEBYTECODE=1 exec "$WSCOPE_RECORD/venv/bin/python" "$here/record.py" "$@"
