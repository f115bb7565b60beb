#!/usr/bin/env bash
# Everything that needs no server: lint, formatting, both type checkers, the rules of the architecture.
set -euo pipefail
cd "$(dirname "$0")/.."
ci/venv.sh test
bin=${CHAKRA_VENV:-.venv}/bin

step() { echo "== $*"; "$@"; }
step "$bin/ruff" check .
step "$bin/ruff" format --check .
step "$bin/mypy"
step "$bin/pyright" --pythonpath "$bin/python"
step "$bin/python" -m pytest -q -p no:cacheprovider tests/architecture
