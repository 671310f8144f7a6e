#!/usr/bin/env bash
# Runs every test: sets the machine up, then all suites on this host's kernel and the kernel suites on User-Mode Linux too, and checks that
# some kernel ran each test, that the sources are tidy, and that nothing is left on the machine. The last line is "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."
# npm puts node_modules/.bin first on PATH, where other packages' programs hide the system's: there is an `nft` among them.
PATH="$(printf %s "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -):/usr/local/sbin:/usr/sbin:/sbin"
export PATH
bash scripts/setup.sh test </dev/null

# Marks every process that the tests start; the leak check looks for it.
TSWARM_TEST_RUN="run-$$-$(date +%s)"
work="$(mktemp -d "$PWD/build/run-XXXXXX")"
TSWARM_KERNEL_RECORDS="$work/records"
export TSWARM_TEST_RUN TSWARM_KERNEL_RECORDS
mkdir "$TSWARM_KERNEL_RECORDS"
trap 'rm -rf "$work"' EXIT

passed=0
failed=0
check() { # name, command…: one more result
  local name="$1"
  shift
  if "$@" >"$work/check" 2>&1; then
    passed=$((passed + 1))
    echo "  ✔ $name"
  else
    failed=$((failed + 1))
    echo "  ✘ $name"
    sed 's/^/      /' "$work/check"
  fi
}
count() { # pattern: the number in AVA's summary, 0 when it has no such line
  sed -nE "s/^  ([0-9]+) $1\$/\1/p" build/test.log | tail -n 1 | grep . || echo 0
}
ticks() { # AVA says how many passed only when all did
  grep -cE '^  ✔ ' build/test.log || true
}

# A function is read whole before it runs: a change of this file meanwhile does no harm.
main() {
  node build/test/leaks/leaks.js remember "$work/before"

  status=0
  node_modules/.bin/ava </dev/null 2>&1 | tee build/test.log || status=$?
  passed=$((passed + $(ticks)))
  for kind in 'tests? failed' 'uncaught exceptions?' 'unhandled rejections?' 'tests? skipped' 'tests? todo' 'known failures?'; do
    failed=$((failed + $(count "$kind")))
  done
  if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
    echo "  ✘ ava ended with status $status"
    failed=1
  fi

  echo
  check "every kernel test ran on some kernel" node build/test/kernel/final-check.js "$TSWARM_KERNEL_RECORDS"
  check "the sources are linted" node_modules/.bin/biome check --diagnostic-level=error .
  check "nothing is left on the machine" node build/test/leaks/leaks.js compare "$work/before"
  echo
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit
}
main
