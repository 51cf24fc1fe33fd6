// Keys by which rows of numbers are brought into order: whole numbers, which sort far faster than pairs of a number and
// its place.
#include "kernels.h"
#include "parallel.h"
#include "vmath.h"

namespace rushlight {
namespace {

typedef int64_t vl __attribute__((vector_size(W * 8)));
typedef int64_t vl_unaligned __attribute__((vector_size(W * 8), aligned(8), may_alias));

// Whole numbers in the order of floats: 0 and -0 alike, all NaN above everything.
vi rank_of(vf x) {
    const vf v = x + 0.0f;  // -0 + 0 is 0
    const vi rank = bits(v) ^ ((bits(v) >> 31) & 0x7fffffff);
    return v != v ? broadcast(INT32_MAX) : rank;
}

void row_of_keys(const float* x, int64_t S, int32_t turned, int64_t* keys) {
    const vl steps = __builtin_convertvector(lanes(), vl);
    const auto keys_at = [=](vf v, int64_t s) {
        return (__builtin_convertvector(rank_of(v) ^ turned, vl) << 32) | (steps + s);
    };
    int64_t s = 0;
    for (; s + W <= S; s += W) *reinterpret_cast<vl_unaligned*>(keys + s) = keys_at(load(x + s), s);
    const vl rest = keys_at(load_first(x + s, int(S - s)), s);
    for (int64_t i = 0; i < S - s; i++) keys[s + i] = rest[i];
}

}  // namespace

void sort_keys(const float* x, int64_t R, int64_t S, bool descending, int64_t* keys) {
    parallel_for(R, max(1, (1 << 14) / S), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) row_of_keys(x + r * S, S, descending ? -1 : 0, keys + r * S);
    });
}

}  // namespace rushlight
