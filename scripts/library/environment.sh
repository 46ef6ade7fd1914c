# SPDX-License-Identifier: Apache-2.0
# Sets `python` to an interpreter that has the packages of $extra in scripts/pyproject.toml (interop
# unless set) and scripts/library, made once in .venv-EXTRA. To be sourced in the repository's root,
# where `fail MESSAGE` is defined.

extra=${extra:-interop}
environment=.venv-$extra
python=$environment/bin/python
if ! cmp -s scripts/pyproject.toml "$environment/pyproject.toml"; then
    command -v python3 >/dev/null || fail "python3 is missing; scripts/setup --tests installs it"
    rm -rf "$environment"
    python3 -m venv "$environment" \
        || fail "cannot make a Python environment; scripts/setup --tests installs python3-venv"
    "$python" -m pip install --quiet --disable-pip-version-check --editable "scripts[$extra]" \
        || fail "cannot install the packages of '$extra' in scripts/pyproject.toml"
    cp scripts/pyproject.toml "$environment/pyproject.toml"
fi
