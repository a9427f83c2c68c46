# Unpacks PgBouncer and the libraries that are missing for it into "$1"/root: nothing is installed, so no root is needed.
set -e
cd "$1"
fetch() {
  libraries=$(apt-get $options install --simulate --no-install-recommends pgbouncer | sed -n 's/^Inst \(lib[^ ]*\) (.*/\1/p')
  apt-get $options download pgbouncer $libraries
}
fetch || {
  # The machine's package lists are missing or out of date: fresh ones of our own.
  mkdir -p lists/partial cache/archives/partial
  options="-o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache"
  apt-get $options update
  fetch
}
for package in *.deb; do dpkg-deb -x "$package" root; done
chmod -R a+rX .
