#!/bin/sh
# Run uv: the one on PATH where it is new enough, else one of our own in the user's cache, installed with pip
# from the wheels whose hashes stand in uv.txt.
set -eu
here=$(dirname "$0")
version=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' "$here/uv.txt")
oldest_minor=8 # of 0.x: the first to read this lock file
cache=${XDG_CACHE_HOME:-$HOME/.cache}/containment

usable() {
  case $("$1" --version 2>/dev/null) in
    'uv 0.'*) ;;
    'uv '[1-9]*) return 0 ;;
    *) return 1 ;;
  esac
  minor=$("$1" --version | sed 's/^uv 0\.\([0-9]*\).*/\1/')
  [ "$minor" -ge "$oldest_minor" ]
}

if found=$(command -v uv) && usable "$found"; then exec "$found" "$@"; fi
own=$cache/uv-$version/uv
if [ -x "$own" ]; then exec "$own" "$@"; fi

case "${PIP_INDEX_URL:-}${PIP_EXTRA_INDEX_URL:-}" in
  *http://127.0.0.1[:/]* | *http://localhost[:/]*) ;;
  *http://*)
    echo "error: PIP_INDEX_URL or PIP_EXTRA_INDEX_URL is not https; name one that is, and run it again" >&2
    exit 1
    ;;
esac
python=$("$here/python.sh")
echo "uv: installing version $version, once" >&2
mkdir -p "$cache"
unfinished=$(mktemp -d "$cache/.unfinished-uv-XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
said=$unfinished/said
# Debian's python3 has neither pip nor a working venv of its own; either one will do.
if "$python" -m venv "$unfinished/venv" >"$said" 2>&1; then
  pip() { "$unfinished/venv/bin/python" -m pip "$@"; }
elif "$python" -m pip --version >"$said" 2>&1; then
  pip() { "$python" -m pip "$@" --target "$unfinished/venv"; }
else
  echo "error: $python can make no virtual environment and has no pip; install python3-venv (Debian, Ubuntu) or uv itself" \
    "(https://docs.astral.sh/uv), and run it again" >&2
  exit 1
fi
if ! pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
  -r "$here/uv.txt" >"$said" 2>&1; then
  reason=$(grep -i 'error' "$said" | tail -1)
  case $(cat "$said") in
    *[Nn]'o space left'*) remedy="free 1 GB there" ;;
    *'DO NOT MATCH THE HASHES'*)
      echo "error: the package index gives another uv $version than the one that $here/uv.txt pins;" \
        "do not go on with it: find out what stands between this machine and its package index" >&2
      exit 1
      ;;
    *) remedy="connect to the network, or point PIP_INDEX_URL at a package index that you can reach," ;;
  esac
  echo "error: uv could not be installed into $cache (${reason:-pip said nothing}); $remedy and run it again" >&2
  exit 1
fi
mkdir -p "$(dirname "$own")"
mv "$unfinished/venv/bin/uv" "$own"
rm -rf "$unfinished"
exec "$own" "$@"
