// Formulas of up to three arrays and some constants, element by element, in one pass over memory: straight lines joined
// at corners, sums of products, and distances that losses measure. NaN passes through, as in the definitions.
#include "kernels.h"
#include "parallel.h"
#include "vmath.h"

namespace rushlight {
namespace {

constexpr int64_t GRAIN = 1 << 14;

// y[i] = f(x[0][i], x[1][i], ...); the tail is a partial vector, so a result does not depend on where it stands.
template <int... K, class F>
void map(std::integer_sequence<int, K...>, const Operand* x, int64_t n, float* y, const F& f) {
    parallel_for(n, GRAIN, [=](int64_t begin, int64_t end) {
        int64_t i = begin;
        for (; i + W <= end; i += W) store(y + i, f(load(x[K].at + i * x[K].step)...));
        const int rest = int(end - i);
        if (rest > 0) store_first(y + i, f(load_first(x[K].at + i * x[K].step, rest)...), rest);
    });
}
template <int arrays, class F>
void map(const Operand* x, int64_t n, float* y, const F& f) {
    map(std::make_integer_sequence<int, arrays>(), x, n, y, f);
}

vf between(vf low, vf v, vf high) { return min(high, max(low, v)); }  // in this order NaN stays NaN
vf between(float low, vf v, float high) { return between(broadcast(low), v, broadcast(high)); }

}  // namespace

void clamped(const Operand* x, const float* c, int64_t n, float* y) {
    map<1>(x, n, y, [low = c[0], high = c[1]](vf v) { return between(low, v, high); });
}

void inside_backward(const Operand* x, const float* c, int64_t n, float* y) {
    map<2>(x, n, y, [low = c[0], high = c[1]](vf grad, vf v) { return select((v <= low) | (v >= high), vf{}, grad); });
}

void hardsigmoid_forward(const Operand* x, const float*, int64_t n, float* y) {
    map<1>(x, n, y, [](vf v) { return between(0.0f, v + 3.0f, 6.0f) / 6.0f; });
}

void hardsigmoid_backward(const Operand* x, const float*, int64_t n, float* y) {
    map<2>(x, n, y, [](vf grad, vf v) { return select((v > -3.0f) & (v < 3.0f), grad * (1.0f / 6.0f), vf{}); });
}

void hardswish_forward(const Operand* x, const float*, int64_t n, float* y) {
    map<1>(x, n, y, [](vf v) { return v * between(0.0f, v + 3.0f, 6.0f) / 6.0f; });
}

void hardswish_backward(const Operand* x, const float*, int64_t n, float* y) {
    map<2>(x, n, y,
           [](vf grad, vf v) { return select(v <= -3.0f, vf{}, select(v < 3.0f, grad * (v / 3.0f + 0.5f), grad)); });
}

void softshrink_forward(const Operand* x, const float* c, int64_t n, float* y) {
    map<1>(x, n, y, [size = c[0]](vf v) { return select(v > size, v - size, select(v < -size, v + size, v * 0.0f)); });
}

void hardshrink_forward(const Operand* x, const float* c, int64_t n, float* y) {
    map<1>(x, n, y, [size = c[0]](vf v) { return select((v >= -size) & (v <= size), vf{}, v); });
}

void shrink_backward(const Operand* x, const float* c, int64_t n, float* y) {
    map<2>(x, n, y, [size = c[0]](vf grad, vf v) { return select((v >= -size) & (v <= size), vf{}, grad); });
}

void leaky_relu_forward(const Operand* x, const float* c, int64_t n, float* y) {
    map<1>(x, n, y, [slope = c[0]](vf v) { return select(v > 0.0f, v, v * slope); });
}

void leaky_relu_backward(const Operand* x, const float* c, int64_t n, float* y) {
    map<2>(x, n, y, [slope = c[0]](vf grad, vf v) { return select(v > 0.0f, grad, grad * slope); });
}

void rsqrt_forward(const Operand* x, const float*, int64_t n, float* y) {
    map<1>(x, n, y, [](vf v) { return 1.0f / sqrt(v); });
}

void plus_scaled(const Operand* x, const float* c, int64_t n, float* y) {
    map<2>(x, n, y, [scale = c[0]](vf a, vf b) { return multiply_add(b, broadcast(scale), a); });
}

void plus_product(const Operand* x, const float* c, int64_t n, float* y) {
    map<3>(x, n, y, [scale = c[0]](vf a, vf b, vf d) { return multiply_add(b * scale, d, a); });
}

void plus_quotient(const Operand* x, const float* c, int64_t n, float* y) {
    map<3>(x, n, y, [scale = c[0]](vf a, vf b, vf d) { return a + b * scale / d; });
}

void blended(const Operand* x, const float* c, int64_t n, float* y) {
    const float weight = c[0];
    if (weight > -0.5f && weight < 0.5f)
        map<2>(x, n, y, [=](vf a, vf b) { return a + weight * (b - a); });
    else
        map<2>(x, n, y, [=](vf a, vf b) { return b - (b - a) * (1.0f - weight); });
}

void smooth_l1(const Operand* x, const float* c, int64_t n, float* y) {
    map<2>(x, n, y, [beta = c[0]](vf a, vf b) {
        const vf size = abs(a - b);
        return select(size < beta, size * size * (0.5f / beta), size - beta / 2);
    });
}

void smooth_l1_slope(const Operand* x, const float* c, int64_t n, float* y) {
    map<3>(x, n, y, [beta = c[0]](vf grad, vf a, vf b) { return grad * between(-1.0f, (a - b) / beta, 1.0f); });
}

void huber(const Operand* x, const float* c, int64_t n, float* y) {
    map<2>(x, n, y, [delta = c[0]](vf a, vf b) {
        const vf size = abs(a - b);
        return select(size <= delta, size * size * 0.5f, (size - delta / 2) * delta);
    });
}

void huber_slope(const Operand* x, const float* c, int64_t n, float* y) {
    map<3>(x, n, y, [delta = c[0]](vf grad, vf a, vf b) { return grad * between(-delta, a - b, delta); });
}

}  // namespace rushlight
