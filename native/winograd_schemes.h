// The transforms of Winograd's convolution F(m x m, 3 x 3) along one dimension, where the sums over taps become
// products of polynomials' values at m + 1 points and infinity (Toom, Cook):
//
//     y = A^T [(G g) * (B^T d)]        and, for the gradient of g,        dg = G^T [(A dy) * (B^T d)]
//
// with d the m + 2 inputs that m outputs y see. Each is given as what it does to a line of vectors, and `both_ways`
// applies it to the columns and then the rows of a square. At stride 2 the places that an even and an odd tap see lie
// apart: two taps fall on the even ones (F(2, 2): three products for two outputs) and one on the odd ones.
//
// OUT outputs come from IN inputs by way of PLACES products; the next tile begins STEP inputs on.
#pragma once

#include "simd.h"

namespace rushlight {

// m = 2, points 0, 1, -1: constants 0, 1 and 1/2, as accurate as the direct sum. 16 products for 36.
struct F2 {
    static constexpr int OUT = 2, IN = 4, PLACES = 4, STEP = 2;

    static void input(const vf* d, vf* out) {  // B^T d
        out[0] = d[0] - d[2], out[1] = d[1] + d[2], out[2] = d[2] - d[1], out[3] = d[1] - d[3];
    }
    static void weight(const vf* g, vf* out) {  // G g
        const vf outer = 0.5f * (g[0] + g[2]), inner = 0.5f * g[1];
        out[0] = g[0], out[1] = outer + inner, out[2] = outer - inner, out[3] = g[2];
    }
    static void output(const vf* m, vf* out) {  // A^T m
        out[0] = m[0] + m[1] + m[2], out[1] = m[1] - m[2] - m[3];
    }
    static void output_gradient(const vf* y, vf* out) {  // A y
        out[0] = y[0], out[1] = y[0] + y[1], out[2] = y[0] - y[1], out[3] = -y[1];
    }
    static void weight_gradient(const vf* u, vf* out) {  // G^T u
        const vf outer = 0.5f * (u[1] + u[2]);
        out[0] = u[0] + outer, out[1] = 0.5f * (u[1] - u[2]), out[2] = outer + u[3];
    }
};

// m = 4, points 0, P, -P, Q, -Q: 36 products for 144. P = 5/8 and Q = 3/2 lose half the digits that the usual 1 and 2
// do: relative errors of 1.4e-6 against 3.2e-6 (and 5e-7 of F2), which is fit for gradients.
struct F4 {
    static constexpr int OUT = 4, IN = 6, PLACES = 6, STEP = 4;
    static constexpr float P = 0.625f, Q = 1.5f, P2 = P * P, Q2 = Q * Q;
    static constexpr float AT_0 = 1 / (P2 * Q2), AT_P = 1 / (2 * P2 * (P2 - Q2)), AT_Q = 1 / (2 * Q2 * (Q2 - P2));

    static void input(const vf* d, vf* out) {
        out[0] = d[4] - (P2 + Q2) * d[2] + (P2 * Q2) * d[0];
        vf even = d[4] - Q2 * d[2], odd = P * (d[3] - Q2 * d[1]);
        out[1] = even + odd, out[2] = even - odd;
        even = d[4] - P2 * d[2], odd = Q * (d[3] - P2 * d[1]);
        out[3] = even + odd, out[4] = even - odd;
        out[5] = d[5] - (P2 + Q2) * d[3] + (P2 * Q2) * d[1];
    }
    static void weight(const vf* g, vf* out) {
        out[0] = AT_0 * g[0];
        vf even = AT_P * (g[0] + P2 * g[2]), odd = (AT_P * P) * g[1];
        out[1] = even + odd, out[2] = even - odd;
        even = AT_Q * (g[0] + Q2 * g[2]), odd = (AT_Q * Q) * g[1];
        out[3] = even + odd, out[4] = even - odd;
        out[5] = g[2];
    }
    static void output(const vf* m, vf* out) {
        const vf even_p = m[1] + m[2], even_q = m[3] + m[4], odd_p = P * (m[1] - m[2]), odd_q = Q * (m[3] - m[4]);
        out[0] = m[0] + even_p + even_q;
        out[1] = odd_p + odd_q;
        out[2] = P2 * even_p + Q2 * even_q;
        out[3] = P2 * odd_p + Q2 * odd_q + m[5];
    }
    static void output_gradient(const vf* y, vf* out) {
        out[0] = y[0];
        vf even = y[0] + P2 * y[2], odd = P * (y[1] + P2 * y[3]);
        out[1] = even + odd, out[2] = even - odd;
        even = y[0] + Q2 * y[2], odd = Q * (y[1] + Q2 * y[3]);
        out[3] = even + odd, out[4] = even - odd;
        out[5] = y[3];
    }
    static void weight_gradient(const vf* u, vf* out) {
        const vf even_p = AT_P * (u[1] + u[2]), even_q = AT_Q * (u[3] + u[4]);
        out[0] = AT_0 * u[0] + even_p + even_q;
        out[1] = (AT_P * P) * (u[1] - u[2]) + (AT_Q * Q) * (u[3] - u[4]);
        out[2] = P2 * even_p + Q2 * even_q + u[5];
    }
};

// Stride 2: y[i] = g[0] d[2 i] + g[1] d[2 i + 1] + g[2] d[2 i + 2] for i = 0, 1. 25 products for 36, constants 0 and 1.
struct Strided {
    static constexpr int OUT = 2, IN = 5, PLACES = 5, STEP = 4;

    static void input(const vf* d, vf* out) {
        out[0] = d[0] - d[2], out[1] = d[2], out[2] = d[4] - d[2];
        out[3] = d[1], out[4] = d[3];
    }
    static void weight(const vf* g, vf* out) {
        out[0] = g[0], out[1] = g[0] + g[2], out[2] = g[2];
        out[3] = g[1], out[4] = g[1];
    }
    static void output(const vf* m, vf* out) { out[0] = m[0] + m[1] + m[3], out[1] = m[1] + m[2] + m[4]; }
    static void output_gradient(const vf* y, vf* out) {
        out[0] = y[0], out[1] = y[0] + y[1], out[2] = y[1];
        out[3] = y[0], out[4] = y[1];
    }
    static void weight_gradient(const vf* u, vf* out) {
        out[0] = u[0] + u[1], out[1] = u[3] + u[4], out[2] = u[1] + u[2];
    }
};

// The input's gradient at stride 2: each y[i] gives y[i] g[t] to d[2 i + t]. Here are d[1 .. 4], from y[0 .. 2]: they
// begin at an odd place, which with a padding of 1 is the first of the image.
struct StridedInput {
    static constexpr int OUT = 4, IN = 3, PLACES = 5, STEP = 2;

    static void input(const vf* y, vf* out) {
        out[0] = y[0] - y[1], out[1] = y[1], out[2] = y[2] - y[1];
        out[3] = y[0], out[4] = y[1];
    }
    static void weight(const vf* g, vf* out) {
        out[0] = g[2], out[1] = g[0] + g[2], out[2] = g[0];
        out[3] = g[1], out[4] = g[1];
    }
    static void output(const vf* m, vf* out) {
        out[0] = m[3], out[1] = m[0] + m[1], out[2] = m[4], out[3] = m[1] + m[2];
    }
};

// The line transform of the columns, then of the rows of a square: get(i, j) gives entry (i, j) of I x I, set(i, j, v)
// takes that of O x O.
template <int I, int O, void (*line)(const vf*, vf*), class Get, class Set>
inline __attribute__((always_inline)) void both_ways(const Get& get, const Set& set) {
    vf half[O][I];
#pragma GCC unroll 6
    for (int j = 0; j < I; j++) {
        vf column[I], out[O];
#pragma GCC unroll 6
        for (int i = 0; i < I; i++) column[i] = get(i, j);
        line(column, out);
#pragma GCC unroll 6
        for (int i = 0; i < O; i++) half[i][j] = out[i];
    }
#pragma GCC unroll 6
    for (int i = 0; i < O; i++) {
        vf out[O];
        line(half[i], out);
#pragma GCC unroll 6
        for (int j = 0; j < O; j++) set(i, j, out[j]);
    }
}

}  // namespace rushlight
