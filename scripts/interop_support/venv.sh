# Sets `python` to an interpreter that has scripts/requirements-interop.txt, made once in .venv-interop.
# To be sourced in the repository's root, where `fail MESSAGE` is defined.

python=.venv-interop/bin/python
readonly requirements=scripts/requirements-interop.txt
if ! cmp -s "$requirements" .venv-interop/installed.txt; then
    command -v python3 >/dev/null || fail "python3 is missing; scripts/setup --tests installs it"
    rm -rf .venv-interop
    python3 -m venv .venv-interop \
        || fail "cannot make a Python environment; scripts/setup --tests installs python3-venv"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$requirements" \
        || fail "cannot install the packages of $requirements"
    cp "$requirements" .venv-interop/installed.txt
fi
