#!/usr/bin/env bash
# The whole test suite against an embedded PostgreSQL that it starts itself, or against CHAKRA_TEST_DSN if set.
# Usage: ci/test.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."
ci/venv.sh test
# Many tests start programs; without bytecode each of them would compile 350 modules, which takes seconds.
unset PYTHONDONTWRITEBYTECODE
# Chunks of 48: the default gives one worker so many at once that the other waits minutes for it at the end.
exec "${CHAKRA_VENV:-.venv}/bin/python" -m pytest -n "${CHAKRA_TEST_WORKERS:-2}" --maxschedchunk 48 "$@"
