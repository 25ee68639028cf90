#!/usr/bin/env bash
# Makes the Python environment that the benches compare with, outside the tree, with pinned versions:
#
#   bash bench/peers.sh                 the peers of the benches; prints the PEERS_PYTHON to use
#   bash bench/peers.sh --versions      also older and newer versions of what users bring files of (tests/live/formats.ts)
#   eval "$(bash bench/peers.sh --print)"   sets PEERS_PYTHON in this shell, once it is made
#
# PEERS names the folder (default: hs27-peers in the user's cache), PYTHON the interpreter that makes it (3.11 or newer).
# What is there already at its version is left alone, so it can be run again after a stop.
set -euo pipefail

folder=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/hs27-peers}
python=${PYTHON:-python3}
torch=2.13.0
peers=(
  numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1 scikit-learn==1.9.1 matplotlib==3.11.2
  xgboost-cpu==3.2.0 transformers==5.24.0 peft==0.21.2 safetensors==0.8.0
)

fail() {
  echo "peers.sh: $1" >&2
  exit "${2:-1}"
}

# install NAME PACKAGE...: a virtual environment of that name with these packages.
install() {
  local name=$1
  shift
  [ -x "$folder/$name/bin/python" ] || "$python" -m venv "$folder/$name" || fail "cannot make the environment $folder/$name with $python"
  "$folder/$name/bin/pip" install --quiet --disable-pip-version-check "$@" || fail "cannot install $* into $folder/$name"
}

# PyTorch for the CPU alone: a tenth of the build with CUDA. Where no index has it, that build does as well.
install_torch() {
  local pip="$folder/$1/bin/pip" cpu=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
  "$folder/$1/bin/python" -c "import torch, sys; sys.exit(torch.__version__.split('+')[0] != '$torch')" 2>/dev/null && return
  "$pip" install --quiet --disable-pip-version-check "torch==$torch+cpu" 2>/dev/null ||
    "$pip" install --quiet --disable-pip-version-check --extra-index-url "$cpu" "torch==$torch+cpu" 2>/dev/null ||
    "$pip" install --quiet --disable-pip-version-check "torch==$torch" || fail "cannot install PyTorch $torch"
}

case ${1:-} in
  "" | --versions | --print) ;;
  *) fail "unknown flag $1, expected --versions or --print" 2 ;;
esac
if [ "${1:-}" = --print ]; then
  [ -x "$folder/peers/bin/python" ] || fail "$folder/peers is not made yet (run it without --print)"
  printf 'export PEERS_PYTHON=%q\n' "$folder/peers/bin/python"
  exit
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$python is older than Python 3.11 (name another with PYTHON)"

install peers "${peers[@]}"
install_torch peers
if [ "${1:-}" = --versions ]; then
  for version in 2.1.4 3.0.5 3.1.3; do install "xgboost-$version" "xgboost-cpu==$version" numpy scipy; done
  # Asks for Python 3.12, but its library is bound by ctypes and runs on 3.11 too.
  install xgboost-3.4.1 numpy scipy
  install xgboost-3.4.1 --no-deps --ignore-requires-python xgboost-cpu==3.4.1
  install anndata-0.12.19 anndata==0.12.19 scanpy==1.11.5 pandas==2.3.3 # no pandas 3 with them yet
  install transformers-4.57.3 transformers==4.57.3 numpy safetensors
  install_torch transformers-4.57.3
fi
echo "Made $folder. Use it with: export PEERS_PYTHON=$folder/peers/bin/python"
