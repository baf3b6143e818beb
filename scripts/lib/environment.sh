# Sourced by the scripts: a Python that is new enough, and .venv with the pinned packages.

find_python() {
    for candidate in "${CSMS_PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return 0
        fi
    done
    echo "Python 3.11 or newer is needed, and none was found: install it, or set CSMS_PYTHON to its path." >&2
    return 1
}

# prepare_environment FILE...: install these requirement files into .venv, unless that has been done.
prepare_environment() {
    python=$(find_python) || exit 1
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        echo "  creating .venv with $("$python" --version) ..."
        rm -rf .venv
        if ! said=$("$python" -m venv .venv 2>&1); then
            rm -rf .venv
            echo "The virtual environment could not be made: $(echo "$said" | tail -n 1) (on Debian and Ubuntu: install python3-venv)" >&2
            exit 1
        fi
    fi
    # One fingerprint per file: a fuller installation (for the tests) serves the lesser wish too.
    wanted=$(.venv/bin/python -c '
import hashlib, pathlib, sys
for name in sys.argv[1:]:
    print(hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest())' "$@")
    missing=
    for print in $wanted; do
        grep -qs "$print" .venv/installed || missing=yes
    done
    if [ -z "$missing" ]; then return 0; fi
    echo "  installing packages (the first time this takes a minute) ..."
    for file in "$@"; do
        set -- "$@" -r "$file"
        shift
    done
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@" 2>.venv/install.log; then
        echo "The packages could not be installed: $(grep -E 'ERROR|rror:' .venv/install.log | tail -n 1)" >&2
        exit 1
    fi
    echo "$wanted" >.venv/installed
}
