// One step of an optimizer over all its tensors in one call. The tensors are cut into pieces of a fixed size, which the
// threads share, so many small tensors cost no more than one large one.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int64_t piece = 1 << 14;

// body(tensor, begin, end) on every piece of every tensor.
template <class Body>
void for_each_piece(const std::vector<int64_t>& sizes, const Body& body) {
    std::vector<int64_t> first(sizes.size() + 1, 0);  // number of the first piece of each tensor
    int64_t total = 0;
    for (size_t i = 0; i < sizes.size(); i++) {
        first[i + 1] = first[i] + (sizes[i] + piece - 1) / piece;
        total += sizes[i];
    }
    const int64_t pieces = first.back();
    const int64_t grain = total <= piece ? pieces : 1;
    parallel_for(pieces, std::max<int64_t>(grain, 1), [&](int64_t begin, int64_t end) {
        size_t i = size_t(std::upper_bound(first.begin(), first.end(), begin) - first.begin()) - 1;
        for (int64_t p = begin; p < end; p++) {
            while (p >= first[i + 1]) i++;
            const int64_t from = (p - first[i]) * piece;
            body(i, from, std::min(from + piece, sizes[i]));
        }
    });
}

}  // namespace

void sgd(const OptimizerTensors& t, const SgdOptions& o) {
    for_each_piece(t.sizes, [&](size_t i, int64_t begin, int64_t end) {
        float *w = t.params[i], *b = t.first.empty() ? nullptr : t.first[i];
        const float* grads = t.grads[i];
        for_vectors(begin, end, [&](int64_t, auto get, auto set) {
            const vf weight = get(w);
            vf g = o.maximize ? -get(grads) : get(grads);
            if (o.weight_decay != 0.0f) g = g + o.weight_decay * weight;
            if (b) {
                const vf buffer = o.momentum * get(b) + (1.0f - o.dampening) * g;
                set(b, buffer);
                g = o.nesterov ? g + o.momentum * buffer : buffer;
            }
            set(w, weight - o.lr * g);
        });
    });
}

void adam(const OptimizerTensors& t, const std::vector<double>& steps, const AdamOptions& o) {
    for_each_piece(t.sizes, [&](size_t i, int64_t begin, int64_t end) {
        float *w = t.params[i], *m = t.first[i], *v = t.second[i], *largest = t.third.empty() ? nullptr : t.third[i];
        const float* grads = t.grads[i];
        const float lr = float(o.lr / (1.0 - std::pow(o.beta1, steps[i])));
        const float root = float(std::sqrt(1.0 - std::pow(o.beta2, steps[i])));
        const float keep1 = float(1.0 - o.beta1), beta2 = float(o.beta2), keep2 = float(1.0 - o.beta2),
                    eps = float(o.eps);
        const float decay = float(o.weight_decay), shrink = float(1.0 - o.lr * o.weight_decay);
        for_vectors(begin, end, [&](int64_t, auto get, auto set) {
            vf weight = get(w), g = o.maximize ? -get(grads) : get(grads);
            if (o.decoupled)
                weight = weight * shrink;
            else if (decay != 0.0f)
                g = g + decay * weight;
            const vf mean = get(m), new_mean = mean + keep1 * (g - mean);
            vf square = beta2 * get(v) + keep2 * (g * g);
            set(m, new_mean);
            set(v, square);
            if (largest) {
                square = max_nan(square, get(largest));
                set(largest, square);
            }
            set(w, weight - lr * (new_mean / (sqrt(square) / root + eps)));
        });
    });
}

}  // namespace rushlight
