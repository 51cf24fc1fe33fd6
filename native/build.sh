#!/bin/sh
# Builds the native modules of a developer's tree: native/build.sh, then PYTHONPATH=. finds them in rushlight/kernels/.
# Each module is replaced by a rename, so that running processes keep the one they have.
#
#   native/build.sh [ninja arguments]        PYTHON=python3.12 native/build.sh builds for another Python
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
build=build/$("$python" -c 'import sys; print(sys.implementation.cache_tag)')
if [ ! -e "$build/build.ninja" ]; then
    mkdir -p build
    printf "[binaries]\npython = '%s'\n" "$(command -v "$python")" > "$build.ini"
    meson setup "$build" --native-file "$build.ini"
fi
ninja -C "$build" "$@"
for module in "$build"/_native_*.so; do
    name=$(basename "$module")
    cp "$module" "rushlight/kernels/.$name.$$"
    mv -f "rushlight/kernels/.$name.$$" "rushlight/kernels/$name"
done
