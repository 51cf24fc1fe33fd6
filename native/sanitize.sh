#!/bin/sh
# Builds the native module for this processor under AddressSanitizer and UndefinedBehaviorSanitizer, in a folder of its
# own, and runs there the tests of kernels and of what twins and definitions must agree on: native/sanitize.sh [pytest
# arguments]. NumPy's own allocator serves, so that every array has guarded ends. Needs g++, meson and the tests' tools.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
build=build/sanitized
package=$build/package
isa=$(RUSHLIGHT_NATIVE=0 PYTHONPATH=. "$python" -c '
flags = next((line.split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
print("avx512" if "avx512vl" in flags else "avx2" if "avx2" in flags else "baseline")')
if [ ! -e "$build/build.ninja" ]; then
    mkdir -p build
    printf "[binaries]\npython = '%s'\n" "$(command -v "$python")" > "$build.ini"
    meson setup "$build" --native-file "$build.ini" -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=plain \
        -Dstrip=false -Dcpp_args="-g1 -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
fi
module=$(cd "$build" && ninja -t targets all | sed -n "s/^\(_native_$isa\.[^:/]*\.so\): .*/\1/p")
ninja -C "$build" "$module"
rm -rf "$package"
mkdir -p "$package"
cp -r rushlight tests "$package"
rm -f "$package"/rushlight/kernels/_native_*
cp "$build/$module" "$package/rushlight/kernels"
preload="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
cd "$package"
# (Without optimizations products are rounded otherwise, and NumPy's allocator keeps no blocks.)
[ $# -gt 0 ] || set -- tests/native tests/contracts -k "native or twins" \
    --ignore tests/native/test_accuracy.py --ignore tests/native/test_steady_state.py
env PYTHONPATH="$PWD" RUSHLIGHT_ALLOCATOR=0 PYTHONMALLOC=malloc LD_PRELOAD="$preload" \
    ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    "$python" -m pytest -q -x -p no:cacheprovider "$@"
