// Half precision to single and back: IEEE's by the processor's own instructions, bfloat16 by its bits.
#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int64_t GRAIN = 1 << 15;

template <class From, class To, class F>
void convert(const From* x, int64_t n, To* y, const F& f) {
    parallel_for(n, GRAIN, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) y[i] = f(x[i]);
    });
}

// To the nearest, ties to the even; NaN to a quiet one of its sign.
uint16_t rounded(uint32_t bits) {
    const uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = (bits >> 16 & 0x8000) | 0x7fc0;
    return uint16_t((bits & 0x7fffffff) > 0x7f800000 ? quiet : nearest);
}

}  // namespace

void to_bfloat16(const uint32_t* x, int64_t n, uint16_t* y) {
    convert(x, n, y, [](uint32_t bits) { return rounded(bits); });  // (a function by its address is not made vectors)
}
void from_bfloat16(const uint16_t* x, int64_t n, uint32_t* y) {
    convert(x, n, y, [](uint16_t bits) { return uint32_t(bits) << 16; });
}

#if defined(__F16C__)
namespace {

// Eight numbers at a time, the last few through memory of their own.
template <class From, class To, class F>
void convert_eights(const From* x, int64_t n, To* y, const F& eight) {
    parallel_for(n, GRAIN, [=](int64_t begin, int64_t end) {
        int64_t i = begin;
        for (; i + 8 <= end; i += 8) eight(x + i, y + i);
        From last[8] = {};
        To made[8];
        for (int64_t k = i; k < end; k++) last[k - i] = x[k];
        if (i < end) eight(last, made);
        for (int64_t k = i; k < end; k++) y[k] = made[k - i];
    });
}

}  // namespace

bool to_float16(const float* x, int64_t n, uint16_t* y) {
    convert_eights(x, n, y, [](const float* from, uint16_t* to) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(_mm256_loadu_ps(from), 0));
    });
    return true;
}
bool from_float16(const uint16_t* x, int64_t n, float* y) {
    convert_eights(x, n, y, [](const uint16_t* from, float* to) {
        _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
    });
    return true;
}
#else
bool to_float16(const float*, int64_t, uint16_t*) { return false; }
bool from_float16(const uint16_t*, int64_t, float*) { return false; }
#endif

}  // namespace rushlight
