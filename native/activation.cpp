// Activations and their gradients: one pass over memory each. Every function here maps elements one by one, so arrays
// of any shape come as n numbers.
#include "kernels.h"
#include "parallel.h"
#include "vmath.h"

namespace rushlight {
namespace {

constexpr int64_t grain = 1 << 14;

// y[i] = f(x[i]); the tail is a partial vector, so an element's result does not depend on where it stands.
template <class F>
void map(const float* x, int64_t n, float* y, const F& f) {
    parallel_for(n, grain, [=](int64_t begin, int64_t end) {
        int64_t i = begin;
        for (; i + W <= end; i += W) store(y + i, f(load(x + i)));
        if (i < end) store_first(y + i, f(load_first(x + i, int(end - i))), int(end - i));
    });
}

template <class F>
void map(const float* a, const float* b, int64_t n, float* y, const F& f) {
    parallel_for(n, grain, [=](int64_t begin, int64_t end) {
        int64_t i = begin;
        for (; i + W <= end; i += W) store(y + i, f(load(a + i), load(b + i)));
        const int rest = int(end - i);
        if (rest > 0) store_first(y + i, f(load_first(a + i, rest), load_first(b + i, rest)), rest);
    });
}

constexpr float density_scale = 0.39894228040143268f;  // 1 / sqrt(2 pi)
constexpr float tanh_scale = 0.79788456080286536f;     // sqrt(2 / pi)
constexpr float tanh_cubic = 0.044715f;

}  // namespace

void relu_forward(const float* x, int64_t n, float* y) {
    map(x, n, y, [](vf v) { return select(v <= 0.0f, vf{}, v); });  // NaN passes
}

void relu_backward(const float* grad, const float* y, int64_t n, float* dx) {
    map(grad, y, n, dx, [](vf g, vf v) { return select(v <= 0.0f, vf{}, g); });
}

void sigmoid_forward(const float* x, int64_t n, float* y) {
    map(x, n, y, [](vf v) { return sigmoid(v); });
}

void sigmoid_backward(const float* grad, const float* y, int64_t n, float* dx) {
    map(grad, y, n, dx, [](vf g, vf v) { return g * (1.0f - v) * v; });
}

void tanh_forward(const float* x, int64_t n, float* y) {
    map(x, n, y, [](vf v) { return tanh(v); });
}

void tanh_backward(const float* grad, const float* y, int64_t n, float* dx) {
    map(grad, y, n, dx, [](vf g, vf v) { return g * (1.0f - v * v); });
}

void silu_forward(const float* x, int64_t n, float* y) {
    map(x, n, y, [](vf v) { return v / (1.0f + exp(-v)); });
}

void silu_backward(const float* grad, const float* x, int64_t n, float* dx) {
    map(grad, x, n, dx, [](vf g, vf v) {
        const vf s = sigmoid(v);
        return g * s * (1.0f + v * (1.0f - s));
    });
}

void erf_forward(const float* x, int64_t n, float* y) {
    map(x, n, y, [](vf v) { return erf(v); });
}

void gelu_forward(const float* x, int64_t n, float* y) {
    map(x, n, y, [](vf v) { return v * normal_share(v, exp(-0.5f * v * v)); });
}

void gelu_backward(const float* grad, const float* x, int64_t n, float* dx) {
    map(grad, x, n, dx, [](vf g, vf v) {
        const vf bell = exp(-0.5f * v * v);
        return g * (normal_share(v, bell) + v * (density_scale * bell));
    });
}

void gelu_tanh_forward(const float* x, int64_t n, float* y) {
    map(x, n, y, [](vf v) { return 0.5f * v * (1.0f + tanh(tanh_scale * (v + tanh_cubic * v * v * v))); });
}

void gelu_tanh_backward(const float* grad, const float* x, int64_t n, float* dx) {
    map(grad, x, n, dx, [](vf g, vf v) {
        const vf t = tanh(tanh_scale * (v + tanh_cubic * v * v * v));
        const vf inner = tanh_scale * (1.0f + 3.0f * tanh_cubic * v * v);
        return g * 0.5f * (1.0f + t + v * (1.0f - t * t) * inner);
    });
}

void glu_forward(const float* x, int64_t R, int64_t C, float* y) {
    parallel_for(R, max(1, grain / C), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            for_vectors(C, [=, a = x + 2 * r * C](int64_t, const auto& load, const auto& store) {
                store(y + r * C, load(a) * sigmoid(load(a + C)));
            });
    });
}

void glu_backward(const float* grad, const float* x, int64_t R, int64_t C, float* dx) {
    parallel_for(R, max(1, grain / C), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            for_vectors(C, [=, a = x + 2 * r * C, da = dx + 2 * r * C](int64_t, const auto& load, const auto& store) {
                const vf g = load(grad + r * C), s = sigmoid(load(a + C)), share = g * s;
                store(da, share);
                store(da + C, share * load(a) * (1.0f - s));
            });
    });
}

}  // namespace rushlight
