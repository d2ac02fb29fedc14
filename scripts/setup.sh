#!/usr/bin/env bash
# Makes .venv with everything the project needs: `scripts/setup.sh [requirements.txt …]`. Safe to call again.
#
#   PYTHON       the Python to use (3.11 or newer), default python3
#   TORCH_INDEX  package index for torch alone; https://download.pytorch.org/whl/cpu spares a machine without GPU 2 GB
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
packages=(libxc-dev libopenblas-dev libfftw3-dev g++)

say() { printf '%s\n' "$@" >&2; }
fail() {
    say "" "$@"
    exit 1
}

# apt-get as root or by a sudo that asks no password; false if neither is possible
install_system_packages() {
    local sudo=()
    command -v apt-get > /dev/null || return 1
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2> /dev/null || return 1
        sudo=(sudo -n)
    fi
    say "installing $* (apt-get)"
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" > /dev/null 2>&1 && return
    "${sudo[@]}" apt-get -qq update > /dev/null || true
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" > /dev/null
}

# compile and link what GPAW compiles and links
gpaw_can_be_built() {
    local include object status=0
    include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
    object=$(mktemp)
    printf '#include <algorithm>\n#include <Python.h>\n#include <fftw3.h>\n#include <xc.h>\nint main() { return 0; }\n' |
        g++ -x c++ "-I$include" - -lxc -lfftw3 -lopenblas -o "$object" 2> /dev/null || status=1
    rm -f "$object"
    return $status
}

command -v "$python" > /dev/null || fail "No $python here. Install Python 3.11 or newer, or name it: make PYTHON=python3.12 …"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: 3.11 or newer is needed. Name one: make PYTHON=python3.12 …"
version=$("$python" -c 'import sys; print("python{}.{}".format(*sys.version_info))')

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
    if [ -e .venv ] && [ ! -e .venv/.made-by-setup ]; then
        fail ".venv was not made by this script and has no working pip (uv makes such ones). It is left as it is:" \
            "  move it away, or delete it (rm -r .venv), and run the same command again"
    fi
    say "making .venv with $("$python" --version)"
    "$python" -c 'import ensurepip, venv' 2> /dev/null || install_system_packages "$version-venv" ||
        fail "$python has no venv module. Install it, on Debian and Ubuntu: apt-get install $version-venv"
    rm -rf .venv # half of one, of a set-up that was killed
    mkdir .venv
    touch .venv/.made-by-setup
    "$python" -m venv .venv
fi

if ! .venv/bin/python -c 'import gpaw' 2> /dev/null && ! gpaw_can_be_built; then
    [ -e "$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h" ] || packages+=("$version-dev")
    if ! install_system_packages "${packages[@]}" || ! gpaw_can_be_built; then
        fail "GPAW is compiled here and needs ${packages[*]}, which could not be installed." \
            "  Debian, Ubuntu:  sudo apt-get install ${packages[*]}     and the same command again" \
            "  elsewhere:       the same libraries (libxc, OpenBLAS, FFTW, a C++ compiler) from your package manager" \
            "  without root:    conda has GPAW ready made:" \
            "                   conda create -n lcom -c conda-forge -c bioconda snakemake=9.27.1 numpy spglib" \
            "                   conda activate lcom" \
            "                   snakemake --use-conda --cores all results/table1.csv"
    fi
fi

say "installing Python packages into .venv (some minutes the first time)"
pip=(.venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt)
"${pip[@]}" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.txt)"
export CC=g++ GPAW_CONFIG="$PWD/scripts/gpaw_siteconfig.py" # GPAW's C++ needs g++, whatever Python was built with
locks=("${@/%.txt/.lock}") # all but torch by the hashes of its files (scripts/lock.py); what another Python needs beside them, after it
.venv/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes "${locks[@]/#/--requirement=}"
"${pip[@]}" "${@/#/--requirement=}"
"${pip[@]}" --no-deps --no-build-isolation --editable . # lcom itself, for benchmarks/ and notebooks
"${pip[@]}" --no-deps matbench==0.6 # it asks for the matminer and scipy of 2022
say "ready: .venv"
