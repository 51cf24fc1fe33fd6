// The vector types of one build: `vf` holds W floats and `vi` W ints, as wide as the instruction set that this file is
// compiled for. They are the compiler's own vector types, so +, *, < and `mask ? a : b` work on them; here is only what
// those lack: memory access, partial vectors for tails, and reductions in a fixed order.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace rushlight {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float vf __attribute__((vector_size(W * 4)));
typedef int32_t vi __attribute__((vector_size(W * 4)));
typedef float vf_unaligned __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef int32_t vi_unaligned __attribute__((vector_size(W * 4), aligned(4), may_alias));

inline vf load(const float* p) { return *reinterpret_cast<const vf_unaligned*>(p); }
inline void store(float* p, vf v) { *reinterpret_cast<vf_unaligned*>(p) = v; }
inline vi load(const int32_t* p) { return *reinterpret_cast<const vi_unaligned*>(p); }
inline void store(int32_t* p, vi v) { *reinterpret_cast<vi_unaligned*>(p) = v; }

inline vf broadcast(float x) { return x - vf{}; }  // x - 0 is x, also for -0 and NaN
inline vi broadcast(int32_t x) { return x - vi{}; }

// The bits of one type read as the other.
inline vi bits(vf v) { return reinterpret_cast<vi>(v); }
inline vf floats(vi v) { return reinterpret_cast<vf>(v); }

inline vi to_int(vf v) { return __builtin_convertvector(v, vi); }  // rounds towards zero
inline vf to_float(vi v) { return __builtin_convertvector(v, vf); }

// 0, 1, 2, ... W - 1
inline vi lanes() {
    vi v;
    for (int i = 0; i < W; i++) v[i] = i;
    return v;
}

// Of whole numbers.
template <class A, class B,
          class C = std::enable_if_t<std::is_integral_v<A> && std::is_integral_v<B>, std::common_type_t<A, B>>>
constexpr C min(A a, B b) {
    return C(a) < C(b) ? C(a) : C(b);
}
template <class A, class B,
          class C = std::enable_if_t<std::is_integral_v<A> && std::is_integral_v<B>, std::common_type_t<A, B>>>
constexpr C max(A a, B b) {
    return C(a) > C(b) ? C(a) : C(b);
}
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The first n (0..W) of W floats: the others read as 0, and are not written.
#if defined(__AVX512F__)
inline vf load_first(const float* p, int n) { return _mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p); }
inline void store_first(float* p, vf v, int n) { _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), v); }
#elif defined(__AVX2__)
inline vf load_first(const float* p, int n) { return _mm256_maskload_ps(p, (__m256i)(lanes() < n)); }
inline void store_first(float* p, vf v, int n) { _mm256_maskstore_ps(p, (__m256i)(lanes() < n), v); }
#else
inline vf load_first(const float* p, int n) {
    if (n >= W) return load(p);
    vf v{};
    for (int i = 0; i < n; i++) v[i] = p[i];
    return v;
}
inline void store_first(float* p, vf v, int n) {
    if (n >= W) return store(p, v);
    for (int i = 0; i < n; i++) p[i] = v[i];
}
#endif

// f(i, load, store) for i = begin, begin + W, ..., whole vectors and then the tail: load(p) reads what is at p + i, and
// store(p, v) writes it there.
template <class F>
void for_vectors(int64_t begin, int64_t end, const F& f) {
    int64_t i = begin;
    for (; i + W <= end; i += W)
        f(i, [=](const float* p) { return load(p + i); }, [=](float* p, vf v) { store(p + i, v); });
    const int rest = int(end - i);
    if (rest > 0)
        f(
            i, [=](const float* p) { return load_first(p + i, rest); },
            [=](float* p, vf v) { store_first(p + i, v, rest); });
}
template <class F>
void for_vectors(int64_t n, const F& f) {
    for_vectors(0, n, f);
}

// max and min return b where a or b is NaN; max_nan and min_nan return NaN where either is.
#if defined(__AVX512F__)
inline vf max(vf a, vf b) { return _mm512_max_ps(a, b); }
inline vf min(vf a, vf b) { return _mm512_min_ps(a, b); }
inline vf sqrt(vf a) { return _mm512_sqrt_ps(a); }
#elif defined(__AVX2__)
inline vf max(vf a, vf b) { return _mm256_max_ps(a, b); }
inline vf min(vf a, vf b) { return _mm256_min_ps(a, b); }
inline vf sqrt(vf a) { return _mm256_sqrt_ps(a); }
#else
inline vf max(vf a, vf b) { return a > b ? a : b; }
inline vf min(vf a, vf b) { return a < b ? a : b; }
inline vf sqrt(vf a) {
    for (int i = 0; i < W; i++) a[i] = __builtin_sqrtf(a[i]);
    return a;
}
#endif

// 1 / v to one or two units in the last place, for 2^-126 < |v| < 2^126; NaN stays NaN.
#if defined(__AVX512F__)
inline vf reciprocal(vf v) {
    const vf r = _mm512_rcp14_ps(v);  // and a Newton step: half the cost of a division
    return r + r * (1.0f - v * r);
}
#else
inline vf reciprocal(vf v) { return 1.0f / v; }
#endif

inline vf max_nan(vf a, vf b) { return a != a ? a : max(a, b); }
inline vf min_nan(vf a, vf b) { return a != a ? a : min(a, b); }

inline vf abs(vf v) { return floats(bits(v) & 0x7fffffff); }
inline vf multiply_add(vf a, vf b, vf c) { return a * b + c; }  // one rounding where the hardware has it

// Lanes chosen at compile time: I < W is lane I of a, I >= W is lane I - W of b.
template <int... I>
inline vf pick(vf a, vf b) {
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
    return __builtin_shufflevector(a, b, I...);
#else
    return __builtin_shuffle(a, b, vi{I...});
#endif
#else
    return __builtin_shuffle(a, b, vi{I...});
#endif
}

// Lanes chosen at run time: lane I of v, or of a and b as above.
inline vf pick(vf v, vi lane) {
#if defined(__AVX512F__)
    return _mm512_permutexvar_ps(reinterpret_cast<__m512i>(lane), v);
#elif defined(__AVX2__)
    return _mm256_permutevar8x32_ps(v, reinterpret_cast<__m256i>(lane));
#else
    vf chosen;
    for (int i = 0; i < W; i++) chosen[i] = v[lane[i] & (W - 1)];
    return chosen;
#endif
}
inline vf pick(vf a, vf b, vi lane) { return lane < W ? pick(a, lane) : pick(b, lane - W); }

// from[place] of each lane.
inline vf gather(const float* from, vi place) {
#if defined(__AVX512F__)
    return _mm512_i32gather_ps(reinterpret_cast<__m512i>(place), from, 4);
#elif defined(__AVX2__)
    return _mm256_i32gather_ps(from, reinterpret_cast<__m256i>(place), 4);
#else
    vf gathered;
    for (int i = 0; i < W; i++) gathered[i] = from[place[i]];
    return gathered;
#endif
}

template <int... L>
inline vf reversed(vf v, std::integer_sequence<int, L...>) {
    return pick<(W - 1 - L)...>(v, v);
}
inline vf reversed(vf v) { return reversed(v, std::make_integer_sequence<int, W>()); }

// Sum and maximum of the lanes, halves against halves. The maximum is NaN where a lane is.
template <int H, int... L>
inline vf swap_lanes(vf v, std::integer_sequence<int, L...>) {
    return pick<(L ^ H)...>(v, v);
}
template <int H = W / 2>
inline float sum(vf v) {
    v += swap_lanes<H>(v, std::make_integer_sequence<int, W>());
    if constexpr (H > 1) return sum<H / 2>(v);
    return v[0];
}
template <int H = W / 2>
inline float product(vf v) {
    v *= swap_lanes<H>(v, std::make_integer_sequence<int, W>());
    if constexpr (H > 1) return product<H / 2>(v);
    return v[0];
}
template <int H = W / 2>
inline float max(vf v) {
    v = max_nan(v, swap_lanes<H>(v, std::make_integer_sequence<int, W>()));
    if constexpr (H > 1) return max<H / 2>(v);
    return v[0];
}

// Row i and column i of a W x W block change places: blocks of H lanes of row i + H and row i do, for H = W/2 ... 1.
template <int H, int... L>
inline void swap_blocks(vf& upper, vf& lower, std::integer_sequence<int, L...>) {
    const vf u = upper, l = lower;
    upper = pick<(L & H ? W + L - H : L)...>(u, l);
    lower = pick<(L & H ? W + L : L + H)...>(u, l);
}
template <int H = W / 2>
inline __attribute__((always_inline)) void transpose(vf (&row)[W]) {
#pragma GCC unroll 16
    for (int i = 0; i < W; i++)
        if (!(i & H)) swap_blocks<H>(row[i], row[i + H], std::make_integer_sequence<int, W>());
    if constexpr (H > 1) transpose<H / 2>(row);
}

}  // namespace rushlight
