// Vectors of half-precision numbers by their bits: W of them become W floats and back, whole or the first n. bfloat16
// is the upper half of a float; IEEE's half needs the processor's own instructions, or a detour through bits.
#pragma once

#include "simd.h"

namespace rushlight {

typedef uint16_t vh __attribute__((vector_size(W * 2)));
typedef uint32_t vu __attribute__((vector_size(W * 4)));

inline vh load_half(const uint16_t* p) {
    vh v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline vh load_half(const uint16_t* p, int n) {
    if (n == W) return load_half(p);
    vh v{};
    std::memcpy(&v, p, size_t(n) * sizeof(uint16_t));
    return v;
}
inline void store_half(uint16_t* p, vh v) { std::memcpy(p, &v, sizeof v); }
inline void store_half(uint16_t* p, vh v, int n) {
    if (n == W) return store_half(p, v);
    std::memcpy(p, &v, size_t(n) * sizeof(uint16_t));
}

struct Bfloat16 {
    static vf widen(vh v) { return reinterpret_cast<vf>(__builtin_convertvector(v, vu) << 16); }

    // To the nearest, ties to the even; NaN to a quiet one of its sign.
    static vh narrow(vf v) {
        const vu bits = reinterpret_cast<vu>(v);
        const vu nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = (bits >> 16 & 0x8000) | 0x7fc0;
        return __builtin_convertvector((bits & 0x7fffffff) > 0x7f800000 ? quiet : nearest, vh);
    }
};

}  // namespace rushlight
