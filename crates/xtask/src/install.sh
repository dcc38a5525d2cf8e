# Installs the Debian packages $@. Starts none of their services and creates no PostgreSQL cluster: tests start their
# own.
set -eu
policy=/usr/sbin/policy-rc.d # Debian runs this program to ask whether a package may start its service.
cluster=/etc/postgresql-common/createcluster.d/icp.conf
if [ -e "$policy" ]; then
    trap 'rm -f "$cluster"' EXIT
else
    trap 'rm -f "$cluster" "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
mkdir -p "${cluster%/*}"
echo 'create_main_cluster = false' >"$cluster"
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
