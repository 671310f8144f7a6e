#!/usr/bin/env bash
# Makes a machine ready, from a fresh Debian 12 on which nothing but Node and npm is installed. Does only what is missing; safe to run
# again, and beside itself.
#
#   setup.sh demo    what the demo and tswarmd need
#   setup.sh test    that, and what the tests and the bench need
set -euo pipefail
cd "$(dirname "$0")/.."
# npm puts node_modules/.bin first on PATH, where other packages' programs hide the system's: there is an `nft` among them.
PATH="$(printf %s "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -):/usr/local/sbin:/usr/sbin:/sbin"
export PATH

say() { echo "setup: $*"; }
fail() {
  echo "setup: $*" >&2
  exit 1
}

mode="${1:-test}"
case $mode in demo | test) ;; *) fail "\"$mode\" is no mode: demo or test" ;; esac

[ "$(uname -s)" = Linux ] || fail "tswarm runs on Linux; this is $(uname -s)"
[ "$(id -u)" = 0 ] || fail "namespaces, links and packages need root; run this as root (sudo npm run demo, sudo npm test)"
command -v node >/dev/null || fail "there is no node in PATH; install Node 20.19 or later"
command -v npm >/dev/null || fail "there is no npm in PATH; it comes with Node"
node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' ||
  fail "Node $(node -p process.versions.node) is too old: 20.19 or later is needed"

# One at a time: a second one finds everything done.
mkdir -p build
exec 9>build/.setup.lock
if ! flock --nonblock 9; then
  say "waits for another set-up of this folder"
  flock 9
fi

# Each line: a command, and the Debian package that has it.
packages_of_demo='
ip iproute2
nsenter util-linux
setpriv util-linux
iptables-restore iptables
nft nftables'
packages_of_test='
curl curl
conntrack conntrack
ipvsadm ipvsadm
iperf3 iperf3
dig bind9-dnsutils
busybox busybox-static
modprobe kmod
sysctl procps
systemd-analyze systemd
pgrep procps
lintian lintian
linux.uml user-mode-linux
openssl openssl
cfssl golang-cfssl
man man-db
fish fish
zsh zsh'

missing_packages() {
  local wanted="$packages_of_demo" command package
  [ "$mode" = demo ] || wanted="$wanted$packages_of_test"
  while read -r command package; do
    if [ -n "$command" ] && ! command -v "$command" >/dev/null; then echo "$package"; fi
  done <<<"$wanted" | sort -u | tr '\n' ' '
}

missing="$(missing_packages)"
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null ||
    fail "these are missing, and there is no apt-get to install them with: $missing(Debian's names); install them by hand"
  export DEBIAN_FRONTEND=noninteractive
  say "updates the list of packages"
  apt-get update -qq || fail "apt-get update failed; missing are: $missing"
  say "installs $missing"
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 $missing </dev/null 9>&- >build/apt.log 2>&1 ||
    { tail -n 20 build/apt.log >&2; fail "apt-get install failed (build/apt.log)"; }
  missing="$(missing_packages)"
  [ -z "$missing" ] || fail "still missing after the installation: $missing"
fi

# User-Mode Linux finds its modules where this machine would have its own, and a machine without modules has no such folder.
[ "$mode" = demo ] || mkdir -p /lib/modules

if ! node scripts/setup/dependencies.mjs; then
  say "installs npm packages"
  npm ci --include=dev --no-progress --loglevel=error </dev/null || fail "npm ci failed"
fi

if node scripts/setup/build-state.mjs; then
  say "everything is there, the build is up to date"
else
  say "builds"
  node scripts/setup/build-state.mjs --building
  npm run --silent build </dev/null || fail "the build failed"
  node scripts/setup/build-state.mjs --built
  say "ready"
fi
