// Keys by which rows of numbers are brought into order: whole numbers, which sort far faster than pairs of a number and
// its place.
#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

// Whole numbers in the order of floats: 0 and -0 alike, all NaN above everything.
int32_t rank_of(float x) {
    const float v = x + 0.0f;  // -0 + 0 is 0
    int32_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    return v != v ? INT32_MAX : bits ^ ((bits >> 31) & 0x7fffffff);
}

}  // namespace

void sort_keys(const float* x, int64_t R, int64_t S, bool descending, int64_t* keys) {
    const int32_t turned = descending ? -1 : 0;
    parallel_for(R, max(1, (1 << 14) / S), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            for (int64_t s = 0; s < S; s++)
                keys[r * S + s] = int64_t(uint64_t(uint32_t(rank_of(x[r * S + s]) ^ turned)) << 32 | uint64_t(s));
    });
}

}  // namespace rushlight
