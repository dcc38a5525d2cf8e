# Builds the PgBouncer of Debian 13 in the folder $1, from its source package on the mirror that apt uses.
set -eu
cd "$1"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | head -n 1)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb-src [signed-by=$keys] $mirror trixie main" >source.list
mkdir -p lists/partial archives/partial
# Uses separate package lists, so that the lists of the system do not change.
apt() {
    apt-get -o "Dir::Etc::SourceList=$PWD/source.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$PWD/lists" \
        -o "Dir::Cache=$PWD" -o APT::Sandbox::User=root "$@"
}
apt update
apt source --download-only pgbouncer
mkdir source
tar -xf pgbouncer_*.orig.tar.gz -C source --strip-components 1
cd source
./configure --without-openssl --without-cares --without-pam --without-systemd >configure.log
make -j2 pgbouncer >make.log
mv pgbouncer ..
