// exp, tanh, sigmoid, erf and what is made of them, over vectors. Polynomials are least-maximum fits of relative error;
// largest errors against float64 over all floats of a fine grid (tests/native/test_activation.py holds them):
// exp 2 ulp, tanh 2 ulp, sigmoid 3 ulp (0 below -87.3, at the edge of what is denormal), erf 3 ulp. NaN stays NaN.
#pragma once

#include "simd.h"

namespace rushlight {

inline vf select(vi mask, vf a, vf b) { return mask ? a : b; }

// The nearest whole number, for |v| < 2^22: adding 1.5 * 2^23 leaves no room for a fraction.
inline vf round_small(vf v) {
    const vf shift = broadcast(12582912.0f);
    return (v + shift) - shift;
}

// v 2^n for whole n in [-151, 129]: tiny results are denormal and large ones infinite.
#if defined(__AVX512F__)
inline vf scale(vf v, vf n) { return _mm512_scalef_ps(v, n); }
#else
inline vf power_of_two(vi n) { return floats((n + 127) << 23); }
inline vf scale(vf v, vf n) {
    const vi whole = to_int(n), half = whole >> 1;  // 2^n in two factors that both exist
    return v * power_of_two(half) * power_of_two(whole - half);
}
#endif

// e^x = 2^n e^r with r = x - n ln 2 in [-ln 2 / 2, ln 2 / 2].
inline vf exp(vf x) {
    const vf bounded = max(broadcast(-104.0f), min(broadcast(89.0f), x));  // in this order NaN stays NaN
    const vf n = round_small(bounded * 1.44269504f);
    const vf r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
    vf p = broadcast(0.0013901235f);
    p = p * r + 0.0083631218f;
    p = p * r + 0.0416668535f;
    p = p * r + 0.1666657744f;
    p = p * r + 0.5f;
    return scale(p * (r * r) + r + 1.0f, n);
}

// e^x for x <= 88, never below 2^-126: for weights relative to the largest. The sum that rounds to a whole number has
// that number in its lowest bits, too.
inline vf exp_to_one(vf x) {
    const vf shift = broadcast(12582912.0f);
    const vf bounded = max(broadcast(-87.3f), x);  // in this order NaN stays NaN
    const vf shifted = bounded * 1.44269504f + shift, n = shifted - shift;
    const vf r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
    vf p = broadcast(0.0013901235f);
    p = p * r + 0.0083631218f;
    p = p * r + 0.0416668535f;
    p = p * r + 0.1666657744f;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    return p * floats((bits(shifted) + 127) << 23);
}

inline vf sigmoid(vf x) {
    const vf bounded = min(broadcast(87.3f), -x);  // in this order NaN stays NaN
    return select(x < -87.3f, vf{}, reciprocal(1.0f + exp_to_one(bounded)));
}

// tanh x = x + x^3 P(x^2) near 0, else 1 - 2 / (e^(2|x|) + 1) with the sign of x.
inline vf tanh(vf x) {
    const vf size = abs(x), square = x * x;
    vf p = broadcast(-5.70498872745e-3f);
    p = p * square + 2.06390887954e-2f;
    p = p * square + -5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square + -3.33332819422e-1f;
    const vf near = p * square * x + x;
    const vf far = 1.0f - 2.0f * reciprocal(exp_to_one(min(broadcast(20.0f), 2.0f * size)) + 1.0f);
    return select(size < 0.625f, near, select(x < 0.0f, -far, far));
}

// erf x = x P(x^2) for |x| < 1, else 1 - e^(-x^2) t Q(t) with t = 1 / (1 + 0.4 |x|) and the sign of x.
inline vf erf(vf x) {
    const vf size = abs(x), square = x * x;
    vf p = broadcast(7.85383115e-05f);
    p = p * square + -0.000801017129f;
    p = p * square + 0.00518832330f;
    p = p * square + -0.0268538083f;
    p = p * square + 0.112835850f;
    p = p * square + -0.376126258f;
    p = p * square + 1.12837917f;
    const vf t = 1.0f / (1.0f + 0.4f * size);
    vf q = broadcast(0.06408912650906815f);
    q = q * t + -0.2356483202434272f;
    q = q * t + 0.25325327161757033f;
    q = q * t + -0.0785689790888619f;
    q = q * t + 0.178796808585254f;
    q = q * t + 0.157022304003386f;
    q = q * t + 0.20992551093530565f;
    q = q * t + 0.2254671272285825f;
    q = q * t + 0.2256840506909725f;
    const vf far = 1.0f - exp(-square) * t * q;
    return select(size < 1.0f, p * x, select(x < 0.0f, -far, far));
}

// The standard normal distribution: its share below x, given bell = e^(-x^2 / 2). For x < 0 it is bell t Q(t) / 2 with
// t = 1 / (1 + 0.3 |x| / sqrt 2), a fit of relative error; the share above -x is that below x.
inline vf normal_share(vf x, vf bell) {
    const vf t = reciprocal(1.0f + 0.212132034f * min(broadcast(40.0f), abs(x)));  // in this order NaN stays NaN
    vf q = broadcast(-0.12945717056210077f);
    q = q * t + 0.4852180184034797f;
    q = q * t + -0.511500918177836f;
    q = q * t + 0.5467416509630918f;
    q = q * t + -0.09389860220266132f;
    q = q * t + 0.21456506908762488f;
    q = q * t + 0.14844464832053117f;
    q = q * t + 0.17069809718079332f;
    q = q * t + 0.16918918750815556f;
    const vf below = 0.5f * bell * t * q;
    return select(x < 0.0f, below, 1.0f - below);
}

}  // namespace rushlight
