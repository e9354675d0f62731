#!/bin/sh
# Make .venv and install what Docent runs on, exactly as pinned. Usage: tools/install.sh [requirements file]
set -eu
cd "$(dirname "$0")/.."
requirements=${1:-requirements.txt}
venv=.venv
torch=2.13.0

python=${PYTHON:-python3}
command -v "$python" >/dev/null || {
    echo "Docent needs Python 3.11 or newer and found none. Install it: sudo apt-get install python3 python3-venv" >&2
    exit 2
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Docent needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Install one and run: make run PYTHON=python3.11" >&2
    exit 2
}
if [ ! -x $venv/bin/pip ]; then
    "$python" -m venv $venv || {
        rm -rf $venv
        echo "Python cannot make a virtual environment here. Install it: sudo apt-get install python3-venv" >&2
        exit 2
    }
fi

# Nothing to do when this very list has been installed by this very Python.
wanted=$(cat "$requirements" tools/install.sh | cksum)
stamp=$venv/.installed-$(basename "$requirements" .txt)
[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0

pip() { $venv/bin/pip --quiet --disable-pip-version-check "$@" 2>"$venv/pip.log" || { cat "$venv/pip.log" >&2; exit 2; }; }

have_torch() { $venv/bin/python -c "import importlib.metadata as m; assert m.version('torch').split('+')[0] == '$torch'" 2>/dev/null; }

# The plain torch package for Linux brings gigabytes of CUDA, so a machine without a GPU takes the CPU build.
if ! have_torch; then
    echo "Installing torch $torch…"
    if nvidia-smi >/dev/null 2>&1 || [ "$(uname -s)" != Linux ]; then
        pip install "torch==$torch"
    else
        $venv/bin/pip --quiet install --no-deps --dry-run --report $venv/torch.json "torch==$torch" 2>/dev/null || true
        if grep -q 'cpu' $venv/torch.json 2>/dev/null; then
            pip install --no-deps "torch==$torch"
        else
            pip install --no-deps "torch==$torch" --index-url https://download.pytorch.org/whl/cpu
        fi
    fi
fi
echo "Installing the packages in $requirements…"
pip install --no-deps -r "$requirements"
echo "$wanted" >"$stamp"
