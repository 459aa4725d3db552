#!/bin/sh
# Print the Python to build the project's environment with: the first one that is new enough.
set -eu
for name in python3 python3.13 python3.12 python3.11 python3.14; do
  if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    command -v "$name"
    exit 0
  fi
done
found=$(python3 --version 2>/dev/null || echo 'no python3')
echo "error: this project needs Python 3.11 or newer and found $found; install python3.11 or newer, and run it again" >&2
exit 1
