#!/bin/sh
# Install the judges into the user's cache, in the versions that the files beside this one pin. Safe to repeat.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
judges=${XDG_CACHE_HOME:-$HOME/.cache}/containment/judges

for program in node npm; do
  if ! command -v "$program" >/dev/null; then
    echo "error: the judges need $program, and there is none on PATH; install Node.js 20 or newer with npm, and run it again" >&2
    exit 1
  fi
done
if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
  echo "error: the judges need Node.js 20 or newer and found $(node --version); install a newer one, and run it again" >&2
  exit 1
fi

wanted=$(cat "$here/package-lock.json" "$here/requirements.txt" "$here/install.sh" | cksum)
if [ "$(cat "$judges/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
echo "judges: installing into $judges, once" >&2
mkdir -p "$judges/node"
rm -rf "$judges/installed" "$judges/python"

cp "$here/package.json" "$here/package-lock.json" "$judges/node/"
npm ci --prefix "$judges/node" --no-audit --no-fund --ignore-scripts --loglevel=error >&2 || {
  echo "error: the npm packages of the judges could not be installed (see above); once that is mended, run it again" >&2
  exit 1
}

unset VIRTUAL_ENV
export UV_PYTHON_DOWNLOADS=never
"$here/../uv.sh" venv --quiet --python "$("$here/../python.sh")" "$judges/python"
"$here/../uv.sh" pip install --quiet --no-deps --python "$judges/python/bin/python" -r "$here/requirements.txt" || {
  echo "error: the Python packages of the judges could not be installed (see above); once that is mended, run it again" >&2
  exit 1
}
# Written for Python before 3.10, where collections still had the abstract classes.
"$judges/python/bin/python" - <<'PATCH'
import importlib.util, pathlib
found = importlib.util.find_spec("principalmapper").submodule_search_locations[0]
path = pathlib.Path(found, "util", "case_insensitive_dict.py")
old = "from collections import Mapping, MutableMapping, OrderedDict"
new = "from collections import OrderedDict; from collections.abc import Mapping, MutableMapping"
path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
PATCH
printf '%s\n' "$wanted" >"$judges/installed"
