# SPDX-License-Identifier: Apache-2.0
# Sets `python` to an interpreter that has the packages of $requirements (default: those of interop), made once in
# .venv-NAME for requirements-NAME.txt. To be sourced in the repository's root, where `fail MESSAGE` is defined.

readonly requirements=${requirements:-scripts/requirements-interop.txt}
environment=${requirements#scripts/requirements-}
environment=.venv-${environment%.txt}
python=$environment/bin/python
if ! cmp -s "$requirements" "$environment/installed.txt"; then
    command -v python3 >/dev/null || fail "python3 is missing; scripts/setup --tests installs it"
    rm -rf "$environment"
    python3 -m venv "$environment" \
        || fail "cannot make a Python environment; scripts/setup --tests installs python3-venv"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$requirements" \
        || fail "cannot install the packages of $requirements"
    cp "$requirements" "$environment/installed.txt"
fi
