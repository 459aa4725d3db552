#!/bin/sh
# All that the project needs on a machine with git, make, Python and Go. Safe to repeat; a second or less when done before.
set -eu
cd "$(dirname "$0")/.."
venv=${UV_PROJECT_ENVIRONMENT:-$PWD/.venv}
unset VIRTUAL_ENV # another environment that happens to be active is not ours to change
export UV_PYTHON_DOWNLOADS=never

if "$venv/bin/python" -c '' 2>/dev/null; then
  set -- --quiet
else
  python=$(tools/python.sh)
  set -- --python "$python"
fi
if ! tools/uv.sh sync --frozen "$@"; then
  echo "error: the Python packages of uv.lock could not be installed (see above); once that is mended, run it again" >&2
  exit 1
fi
exec "$venv/bin/python" -I -m containment.engine.provide "$PWD" --venv "$venv"
