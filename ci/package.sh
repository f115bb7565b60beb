#!/usr/bin/env bash
# Build the wheel and the sdist, install each into a clean virtual environment outside this checkout, and run it.
set -euo pipefail
cd "$(dirname "$0")/.."
ci/venv.sh test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "== building wheel and sdist"
"${CHAKRA_VENV:-.venv}/bin/python" -m build --quiet --outdir "$work/dist" .
for file in "$work"/dist/*; do
    echo "== installing $(basename "$file") into a clean environment"
    rm -rf "$work/venv"
    "${PYTHON:-python3}" -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$file[embedded,cli]"
    (cd "$work" && "$work/venv/bin/python" -W error "$OLDPWD/ci/smoke.py")
    (cd "$work" && "$work/venv/bin/chakra" --version)
done
