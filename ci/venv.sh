#!/usr/bin/env bash
# Make .venv and install this checkout with the extras given as arguments; does nothing when that was done already.
# Usage: ci/venv.sh test docs
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${CHAKRA_VENV:-.venv}
python=${PYTHON:-python3}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# An environment whose making was broken off: python is there, and nothing was ever installed into it. That is what
# `python3 -m venv` leaves behind on Debian without python3-venv.
half_made() {
    [ -f "$venv/pyvenv.cfg" ] || return 1
    [ -x "$venv/bin/python" ] || return 0
    local packages
    packages=$(compgen -G "$venv/lib/python*/site-packages/*") || packages=
    [ -z "$packages" ]
}

make_venv() {
    command -v "$python" > /dev/null || fail \
        "error: there is no '$python' on this machine, and Chakra needs Python 3.11 or newer." \
        "       Debian, Ubuntu: apt install python3 python3-venv    Fedora: dnf install python3    macOS: brew install python" \
        "       One that is elsewhere: PYTHON=/path/to/python3 make …"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail \
        "error: Chakra needs Python 3.11 or newer, and '$python' is $("$python" --version 2>&1)." \
        "       Name another one: PYTHON=python3.12 make …"
    echo "== making $venv with $("$python" --version)"
    if ! "$python" -m venv --clear "$venv"; then
        rm -rf "$venv"
        fail "error: '$python -m venv $venv' failed; the lines above say why." \
            "       On Debian and Ubuntu the module is a package of its own: apt install python3-venv" \
            "       (for another Python than the system's: apt install $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'))"
    fi
}

if half_made; then
    echo "== $venv is half-made: making it again"
    make_venv
elif [ ! -e "$venv" ]; then
    make_venv
elif [ ! -x "$venv/bin/python" ]; then
    fail "error: $venv is there, and is no Python environment. Move it away, or name another place: VENV=… make …"
fi

for extra in "$@"; do
    stamp=$venv/.chakra-$extra
    key=$(cat pyproject.toml ci/venv.sh | cksum)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$key" ]; then
        # Left without pip: by uv, or because its making was stopped in the middle.
        if ! "$venv/bin/python" -m pip --version > /dev/null 2>&1; then
            "$venv/bin/python" -m ensurepip --upgrade > /dev/null || fail \
                "error: there is no pip in $venv, and python -m ensurepip cannot make one; remove $venv and run this again." \
                "       On Debian and Ubuntu first: apt install python3-venv"
        fi
        echo "== installing chakra-orm[$extra] into $venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extra]" || fail \
            "error: installing chakra-orm[$extra] failed; the lines above say what. Is the package index reachable?"
        echo "$key" > "$stamp"
    fi
done
