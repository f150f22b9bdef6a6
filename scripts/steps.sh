# Steps with a heading, a count and one summary at the end. Sourced by scripts/test and scripts/nightly.
# shellcheck shell=bash

passed=0
failed=0
summary=()
logs=$(mktemp -d)

# step NAME COUNTER COMMAND…: runs the command, whatever came before it. COUNTER reads what it printed and prints
# "PASSED FAILED"; a command that fails without a counted failure counts as one.
step() {
  local name=$1 counter=$2 log=$logs/${#summary[@]} status=0 ok bad began=$SECONDS
  shift 2
  printf '\n== %s\n' "$name"
  set +e # outside of a condition, where bash would forget `set -e` inside of the command too
  (set -e && "$@") 2>&1 | tee "$log" | without_totals
  status=${PIPESTATUS[0]}
  set -e
  read -r ok bad < <("$counter" <"$log")
  if ((status != 0 && bad == 0)); then bad=1; fi
  passed=$((passed + ok))
  failed=$((failed + bad))
  local result=ok counted=''
  if ((bad > 0)); then result=FAILED; fi
  if ((ok > 0)); then counted=", $ok passed, $bad failed"; fi
  summary+=("$(printf '%-7s %s (%d s%s)' "$result" "$name" $((SECONDS - began)) "$counted")")
}

# close: prints the summary and the totals. Fails when a step failed or nothing was tested.
close() {
  printf '\n== Summary\n'
  printf '%s\n' "${summary[@]}"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  rm -rf "$logs"
  ((failed == 0 && passed > 0))
}

# Only `close` prints a line of totals alone.
without_totals() { sed -E 's/^([0-9]+ passed, [0-9]+ failed)$/   \1 in this step/'; }

# Counters

uncounted() { echo 0 0; }

# What nextest closes with, or cargo test where nextest is missing.
tests() {
  awk '
    /^ *Summary \[/ {
      if (match($0, /[0-9]+ passed/)) ok += substr($0, RSTART)
      while (match($0, /[0-9]+ (failed|exec failed|timed out)/)) {
        bad += substr($0, RSTART)
        $0 = substr($0, RSTART + RLENGTH)
      }
    }
    /^test result: / { ok += $4; bad += $6 }
    END { print ok + 0, bad + 0 }'
}

# The closing line of the walk through the browser.
walk() { awk '/^[0-9]+ passed, [0-9]+ failed$/ { ok = $1; bad = $3 } END { print ok + 0, bad + 0 }'; }
