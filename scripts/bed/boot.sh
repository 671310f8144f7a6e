#!/bin/bash
# Runs User-Mode Linux, and makes sure that it ends: when this script's standard input ends, since whoever started it is gone, or after
# the given seconds.
#
#   boot.sh SECONDS ARGUMENT…
#
# The kernel ignores SIGTERM, makes a session of its own, and leaves its stub processes behind when it is killed: only SIGKILL to its
# whole process group ends all of it.
set -u
seconds="$1"
shift

exec 3<&0
linux.uml "$@" </dev/null 3<&- &
machine=$!

end_machine() {
  kill -KILL -- "-$machine" 2>/dev/null
  kill -KILL "$machine" 2>/dev/null
}

(
  # Nothing is ever written to it: this returns at its end, or when the time is over.
  read -r -t "$seconds" -u 3
  end_machine
) &
watch=$!

wait "$machine"
status=$?
kill "$watch" 2>/dev/null
end_machine
exit "$status"
