// Box and Muller's transform of uniform numbers into normal ones, bit for bit as the definitions in rushlight/random
// make them. In double that is the C library's functions; in float32, the same steps in the same order, each rounded
// once. So here a product and a sum are fused exactly where the definition fuses them, and `apart` keeps the compiler
// from fusing them elsewhere.
#include <cmath>
#include <cstring>

#include "kernels.h"
#include "parallel.h"
#include "vmath.h"

namespace rushlight {
namespace {

constexpr int64_t HALF = 8;  // of a block: numbers for the radius, then as many for the angle

// a * b + c, rounded once. Without the instruction: in double, where the product is exact; that rounding the sum twice
// does not show was checked for all values that uniform numbers of 24 bits lead to.
#if defined(__AVX512F__)
vf fused(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
#elif defined(__FMA__)
vf fused(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
#else
typedef double vd __attribute__((vector_size(W * 8)));
vd widen(vf v) { return __builtin_convertvector(v, vd); }
vf fused(vf a, vf b, vf c) { return __builtin_convertvector(widen(a) * widen(b) + widen(c), vf); }
#endif
vf fused(vf a, vf b, float c) { return fused(a, b, broadcast(c)); }

// A result that is rounded here and now.
vf apart(vf v) {
#if defined(__x86_64__)
    asm("" : "+v"(v));
#elif defined(__aarch64__)
    asm("" : "+w"(v));
#endif
    return v;
}

// c[0] x^k + ... + c[k] by fused steps.
template <size_t N>
vf horner(vf x, const float (&c)[N]) {
    vf y = fused(x, broadcast(c[0]), c[1]);
    for (size_t i = 2; i < N; i++) y = fused(y, x, c[i]);
    return y;
}

constexpr float LOG[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,  -1.2420140846e-1f, 1.4249322787e-1f,
                         -1.6668057665e-1f, 2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
constexpr float SIN[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
constexpr float COS[] = {2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f};
constexpr float QUARTER_PI[] = {0.78515625f, 2.4187564849853515625e-4f, 3.77489497744594108e-8f};

// Of x in (0, 1]: with x = 2^e (1 + m), sqrt(1/2) <= 1 + m < sqrt(2), log x = e log 2 + m - m^2/2 + m^3 P(m).
vf log(vf x) {
    const vf fraction = floats((bits(x) & 0x007fffff) | 0x3f000000);  // in [1/2, 1)
    const vi small = fraction < 0.707106781186547524f;
    const vf m = (fraction - 1.0f) + select(small, fraction, vf{});
    const vf e = to_float((bits(x) >> 23) - 126 + small);  // a true lane is -1
    const vf square = apart(m * m), tail = apart(horner(m, LOG) * m);
    const vf bent = fused(tail, square, apart(e * -2.12194440e-4f)) - apart(square * 0.5f);
    return fused(e, broadcast(0.693359375f), m + bent);
}

// Of x >= 0: x less the nearest even multiple of pi/4, then one polynomial or the other, and the sign.
struct CosSin {
    vf cos, sin;
};

CosSin cos_sin(vf x) {
    const vi octant = (to_int(apart(x * 1.27323954473516f)) + 1) & ~1;
    const vf multiple = to_float(octant);
    vf rest = x;
    for (const float part : QUARTER_PI) rest = fused(multiple, broadcast(-part), rest);
    const vf square = apart(rest * rest);
    const vf sine = fused(apart(horner(square, SIN) * square), rest, rest);
    const vf cosine = fused(apart(horner(square, COS) * square), square, apart(square * -0.5f)) + 1.0f;
    const vi swapped = (bits(cosine) ^ bits(sine)) & -((octant >> 1) & 1);  // in every second pair of octants
    return {floats(bits(cosine) ^ swapped ^ ((~(octant - 2) & 4) << 29)),
            floats(bits(sine) ^ swapped ^ ((octant & 4) << 29))};
}

// W pairs: u gives the radius, v the angle; the two normal numbers take their places.
void transform(float* u, float* v) {
    const vf radius = sqrt(-2.0f * log(1.0f - load(u)));
    const CosSin on_circle = cos_sin(apart(load(v) * 6.283185307179586f));
    store(u, radius * on_circle.cos);
    store(v, radius * on_circle.sin);
}

constexpr int64_t BLOCKS = 2;  // transformed together: with the widest vectors, one vector of each kind

void transform_blocks(const float* uniforms, int64_t blocks, float* normals) {
    float u[BLOCKS * HALF] = {}, v[BLOCKS * HALF] = {};
    for (int64_t b = 0; b < blocks; b++) {
        std::memcpy(u + b * HALF, uniforms + b * 2 * HALF, sizeof(float) * HALF);
        std::memcpy(v + b * HALF, uniforms + b * 2 * HALF + HALF, sizeof(float) * HALF);
    }
    for (int64_t i = 0; i < BLOCKS * HALF; i += W) transform(u + i, v + i);
    for (int64_t b = 0; b < blocks; b++) {
        std::memcpy(normals + b * 2 * HALF, u + b * HALF, sizeof(float) * HALF);
        std::memcpy(normals + b * 2 * HALF + HALF, v + b * HALF, sizeof(float) * HALF);
    }
}

}  // namespace

void box_muller32(const float* uniforms, int64_t n, float* normals) {
    parallel_for(n / (2 * HALF), 1 << 11, [=](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; b += BLOCKS)
            transform_blocks(uniforms + b * 2 * HALF, min(BLOCKS, end - b), normals + b * 2 * HALF);
    });
}

constexpr double TWO_PI = 6.283185307179586;
constexpr int64_t GRAIN = 1 << 11;  // pairs, of some 20 ns each

void box_muller64(const double* uniforms, int64_t n, double* normals) {
    parallel_for(n / 2, GRAIN, [=](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; p++) {
            const int64_t i = p / HALF * 2 * HALF + p % HALF;
            const double radius = std::sqrt(-2.0 * std::log(1 - uniforms[i])), angle = TWO_PI * uniforms[i + HALF];
            normals[i] = radius * std::cos(angle);
            normals[i + HALF] = radius * std::sin(angle);
        }
    });
}

void pairs_of_normals(const double* uniforms, int64_t n, double* normals) {
    parallel_for(n / 2, GRAIN, [=](int64_t begin, int64_t end) {
        for (int64_t i = 2 * begin; i < 2 * end; i += 2) {
            const double radius = std::sqrt(-2.0 * std::log1p(-uniforms[i + 1])), angle = TWO_PI * uniforms[i];
            normals[i] = radius * std::cos(angle);
            normals[i + 1] = radius * std::sin(angle);
        }
    });
}

void libm_log1p(const double* x, int64_t n, double* y) {
    parallel_for(n, 4 * GRAIN, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) y[i] = std::log1p(x[i]);
    });
}

}  // namespace rushlight
