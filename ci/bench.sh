#!/usr/bin/env bash
# Whether HEAD is slower than BASE: figures of both in turns, on one machine, in one session; and counts of Python calls.
# Usage: ci/bench.sh BASE HEAD [--only get] [--report FILE]      commits, or folders with a chakra/ in them
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in "" | -h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;; esac
ci/venv.sh dashboard
exec "${CHAKRA_VENV:-.venv}/bin/python" -m asv_bench.compare "$@"
