#!/usr/bin/env bash
# Make .venv and install this checkout with the extras given as arguments; does nothing when that was done already.
# Usage: ci/venv.sh test docs
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${CHAKRA_VENV:-.venv}
python=${PYTHON:-python3}
if [ ! -x "$venv/bin/python" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "error: Chakra needs Python 3.11 or newer, and '$python' is $("$python" --version 2>&1)." >&2
        echo "       Name another one: PYTHON=python3.12 make …" >&2
        exit 1
    }
    echo "== making $venv with $("$python" --version)"
    "$python" -m venv "$venv" || {
        echo "error: '$python -m venv $venv' failed. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    }
fi

for extra in "$@"; do
    stamp=$venv/.chakra-$extra
    key=$(cat pyproject.toml ci/venv.sh | cksum)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$key" ]; then
        echo "== installing chakra-orm[$extra] into $venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extra]" || {
            echo "error: installing chakra-orm[$extra] failed; the lines above say what. Is the package index reachable?" >&2
            exit 1
        }
        echo "$key" > "$stamp"
    fi
done
