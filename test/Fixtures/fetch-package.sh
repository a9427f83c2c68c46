# Unpacks Debian's packages "$2" and so on, and the libraries that are missing for them, into "$1"/root: nothing is installed, so no root is needed.
set -e
cd "$1"
shift
packages=$*
fetch() {
  libraries=$(apt-get $options install --simulate --no-install-recommends $packages | sed -n 's/^Inst \(lib[^ ]*\) (.*/\1/p')
  apt-get $options download $packages $libraries
}
fetch || {
  # The machine's package lists are missing or out of date: fresh ones of our own.
  mkdir -p lists/partial cache/archives/partial
  options="-o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache"
  apt-get $options update
  fetch
}
for file in *.deb; do dpkg-deb -x "$file" root; done
chmod -R a+rX .
