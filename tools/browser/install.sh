#!/bin/sh
# Provide Debian's Chromium and the Python packages that drive it. Safe to repeat; no browser is downloaded by playwright.
set -eu
cd "$(dirname "$0")/../.."
own=${XDG_CACHE_HOME:-$HOME/.cache}/containment/browser

if ! command -v chromium >/dev/null; then
  if ! command -v apt-get >/dev/null; then
    echo "error: the pages are driven in Chromium, and there is none on PATH; install chromium, and run it again" >&2
    exit 1
  fi
  root=
  if [ "$(id -u)" -ne 0 ]; then root='sudo -n'; fi
  echo "browser: installing Debian's chromium, once" >&2
  # Of the user's answers none is needed, and what apt-get says is only of interest when it fails.
  if ! said=$($root apt-get update 2>&1 && $root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends chromium 2>&1); then
    echo "error: 'apt-get install chromium' failed ($(printf '%s\n' "$said" | tail -1)); install chromium, and run it again" >&2
    exit 1
  fi
fi

unset VIRTUAL_ENV # another environment that happens to be active is not ours to change
export UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT="$own"
[ -x "$own/bin/python" ] || echo "browser: installing playwright into $own, once" >&2
if ! tools/uv.sh sync --frozen --no-dev --group browser --extra trace --quiet --python "$(tools/python.sh)"; then
  echo "error: playwright could not be installed (see above); once that is mended, run it again" >&2
  exit 1
fi
