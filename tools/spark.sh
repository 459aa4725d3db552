#!/bin/sh
# Run bench/trail_spark.py with the packages that only Spark needs, in an environment of their own.
set -eu
cd "$(dirname "$0")/.."
own=${XDG_CACHE_HOME:-$HOME/.cache}/containment/spark

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
if ! command -v "$java" >/dev/null; then
  echo "error: Spark needs Java, and there is none on PATH; install Java 17 or newer, or set JAVA_HOME, and run it again" >&2
  exit 1
fi
unset VIRTUAL_ENV # another environment that happens to be active is not ours to change
export UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT="$own"
[ -x "$own/bin/python" ] || echo "spark: installing pyspark into $own, once" >&2
if ! tools/uv.sh sync --frozen --no-dev --extra trace --extra spark --quiet --python "$(tools/python.sh)"; then
  echo "error: pyspark could not be installed (see above); once that is mended, run it again" >&2
  exit 1
fi
exec "$own/bin/python" -m bench.trail_spark "$@"
