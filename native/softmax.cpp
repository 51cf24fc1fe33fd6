// Softmax over the last dimension, its logarithm, negative log-likelihood, and cross entropy, which never writes the
// probabilities in its forward pass. Each row is read while it is in the nearest cache.
#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "parallel.h"
#include "vmath.h"

namespace rushlight {
namespace {

int64_t rows_per_range(int64_t C) { return (1 << 13) / (C + 1) + 1; }

// Reduces f over a row to a vector of partial results: four at a time, as each waits for the one before.
template <class F, class Join>
vf fold(const float* x, int64_t C, vf start, const F& f, const Join& join) {
    vf part[4] = {start, start, start, start};
    int64_t i = 0;
    for (; i + 4 * W <= C; i += 4 * W)
        for (int k = 0; k < 4; k++) part[k] = join(part[k], f(load(x + i + k * W)));
    vf total = join(join(part[0], part[1]), join(part[2], part[3]));
    for (; i + W <= C; i += W) total = join(total, f(load(x + i)));
    if (i < C) {
        const int rest = int(C - i);
        const vf last = f(load_first(x + i, rest));
        total = lanes() < rest ? join(total, last) : total;
    }
    return total;
}

template <class F>
void map_row(const float* x, int64_t C, float* y, const F& f) {
    int64_t i = 0;
    for (; i + W <= C; i += W) store(y + i, f(load(x + i)));
    if (i < C) store_first(y + i, f(load_first(x + i, int(C - i))), int(C - i));
}

// The largest number that is not NaN: sums of what is relative to it are NaN if the row has one.
float row_max(const float* x, int64_t C) {
    const vf low = broadcast(-INFINITY);
    return max(fold(x, C, low, [](vf v) { return v; }, [](vf a, vf b) { return max(b, a); }));
}

float row_sum(const float* x, int64_t C) {
    return sum(fold(x, C, vf{}, [](vf v) { return v; }, [](vf a, vf b) { return a + b; }));
}

// With `shift` the largest: the sum is at least 1, so that terms need not be smaller than 2^-126.
float row_sum_exp(const float* x, int64_t C, float shift) {
    return sum(fold(x, C, vf{}, [=](vf v) { return exp_to_one(v - shift); }, [](vf a, vf b) { return a + b; }));
}

// log(sum(exp(row))), stable; a row of -inf gives -inf, one with +inf gives +inf, one with NaN NaN.
float row_log_sum_exp(const float* x, int64_t C) {
    const float top = row_max(x, C);
    if (std::isinf(top)) return max(fold(x, C, broadcast(top), [](vf v) { return v; }, max_nan));
    return top + std::log(row_sum_exp(x, C, top));
}

float row_dot(const float* a, const float* b, int64_t C) {
    vf total{};
    int64_t i = 0;
    for (; i + W <= C; i += W) total += load(a + i) * load(b + i);
    if (i < C) total += load_first(a + i, int(C - i)) * load_first(b + i, int(C - i));
    return sum(total);
}

}  // namespace

void softmax_forward(const float* x, int64_t R, int64_t C, float* y) {
    parallel_for(R, rows_per_range(C), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            const float top = row_max(x + r * C, C);
            map_row(x + r * C, C, y + r * C, [=](vf v) { return exp(v - top); });
            const float scale = 1.0f / row_sum(y + r * C, C);
            map_row(y + r * C, C, y + r * C, [=](vf v) { return v * scale; });
        }
    });
}

void softmax_backward(const float* grad, const float* y, int64_t R, int64_t C, float* dx) {
    parallel_for(R, rows_per_range(C), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            const float *g = grad + r * C, *p = y + r * C;
            const float mean = row_dot(g, p, C);
            int64_t i = 0;
            for (; i + W <= C; i += W) store(dx + r * C + i, (load(g + i) - mean) * load(p + i));
            const int rest = int(C - i);
            if (rest) store_first(dx + r * C + i, (load_first(g + i, rest) - mean) * load_first(p + i, rest), rest);
        }
    });
}

void log_softmax_forward(const float* x, int64_t R, int64_t C, float* y) {
    parallel_for(R, rows_per_range(C), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            const float top = row_max(x + r * C, C), log_total = std::log(row_sum_exp(x + r * C, C, top));
            map_row(x + r * C, C, y + r * C, [=](vf v) { return v - top - log_total; });
        }
    });
}

void log_softmax_backward(const float* grad, const float* y, int64_t R, int64_t C, float* dx) {
    parallel_for(R, rows_per_range(C), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            const float *g = grad + r * C, *p = y + r * C;
            const float total = row_sum(g, C);
            int64_t i = 0;
            for (; i + W <= C; i += W) store(dx + r * C + i, load(g + i) - exp(load(p + i)) * total);
            const int rest = int(C - i);
            if (rest) store_first(dx + r * C + i, load_first(g + i, rest) - exp(load_first(p + i, rest)) * total, rest);
        }
    });
}

void cross_entropy_rows(const float* logits, const Classes& classes, int64_t R, int64_t C, float* losses, float* lse) {
    const float s = classes.smoothing;
    parallel_for(R, rows_per_range(C), [=, &classes](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            const float* x = logits + r * C;
            const int64_t t = classes.target[r];
            lse[r] = row_log_sum_exp(x, C);
            if (t == classes.ignore) {
                losses[r] = 0.0f;
                continue;
            }
            losses[r] = (1.0f - s) * classes.weight_of(t) * (lse[r] - x[t]);
            if (s == 0.0f) continue;
            const float others = classes.weight ? row_dot(classes.weight, x, C) : row_sum(x, C);
            losses[r] += s / float(C) * (lse[r] * classes.total - others);
        }
    });
}

void cross_entropy_gradient(const float* scale, int64_t scale_step, const float* logits, const Classes& classes,
                            const float* lse, int64_t R, int64_t C, float* dlogits) {
    const float spread = classes.smoothing / float(C);
    parallel_for(R, rows_per_range(C), [=, &classes](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
            float* dx = dlogits + r * C;
            const int64_t t = classes.target[r];
            if (t == classes.ignore) {
                std::fill(dx, dx + C, 0.0f);
                continue;
            }
            const float g = scale[r * scale_step], hit = g * (1.0f - classes.smoothing) * classes.weight_of(t);
            const float slope = hit + g * spread * classes.total, shift = lse[r], share = g * spread;
            map_row(logits + r * C, C, dx,
                    [=](vf v) { return slope * exp(v - shift) - (classes.weight ? 0.0f : share); });
            if (classes.weight && share != 0.0f)
                for (int64_t c = 0; c < C; c++) dx[c] -= share * classes.weight[c];
            dx[t] -= hit;
        }
    });
}

void nll_rows(const float* x, const Classes& classes, int64_t R, int64_t C, float* losses) {
    for (int64_t r = 0; r < R; r++) {
        const int64_t t = classes.target[r];
        losses[r] = t == classes.ignore ? 0.0f : -x[r * C + t] * classes.weight_of(t);
    }
}

void nll_gradient(const float* scale, int64_t scale_step, const Classes& classes, int64_t R, int64_t C, float* dx) {
    parallel_for(R, rows_per_range(C), [=, &classes](int64_t begin, int64_t end) {
        std::fill(dx + begin * C, dx + end * C, 0.0f);
        for (int64_t r = begin; r < end; r++) {
            const int64_t t = classes.target[r];
            if (t != classes.ignore) dx[r * C + t] = -scale[r * scale_step] * classes.weight_of(t);
        }
    });
}

}  // namespace rushlight
