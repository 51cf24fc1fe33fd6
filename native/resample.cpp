// Resampling along one dimension: every output is a weighted sum of a few inputs, which a table names. Where many
// numbers lie side by side beyond the dimension, rows of them are summed; where few do, vectors are gathered from a
// line.
#include <vector>

#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int64_t GRAIN = 1 << 14;  // outputs that are worth a range, about

// y[o, i, :] = sum over k of weights[i, k] x[o, indices[i, k], :], `inner` numbers each.
void resample_rows(const float* x, int64_t outer, const Resampling& s, int64_t inner, float* y) {
    parallel_for(outer * s.out, 1 + GRAIN / inner, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float* from = x + row / s.out * s.in * inner;
            const int32_t* index = s.indices.data() + row % s.out * s.taps;
            const float* weight = s.weights.data() + row % s.out * s.taps;
            float* to = y + row * inner;
            for_vectors(inner, [&](int64_t, auto load, auto store) {
                if (s.weights.empty()) return store(to, load(from + index[0] * inner));
                vf total = broadcast(weight[0]) * load(from + index[0] * inner);
                for (int64_t k = 1; k < s.taps; k++)
                    total = multiply_add(broadcast(weight[k]), load(from + index[k] * inner), total);
                store(to, total);
            });
        }
    });
}

// The same for lines whose places hold `inner` numbers, as one table of numbers: (taps, out * inner), in whole vectors.
struct Line {
    int64_t size, width;
    std::vector<int32_t> indices;
    std::vector<float> weights;

    Line(const Resampling& s, int64_t inner)
        : size(s.out * inner), width(ceil_div(size, W) * W), indices(size_t(s.taps * width)) {
        if (!s.weights.empty()) weights.resize(size_t(s.taps * width));
        for (int64_t k = 0; k < s.taps; k++)
            for (int64_t j = 0; j < size; j++) {
                const size_t entry = size_t(j / inner * s.taps + k);
                indices[size_t(k * width + j)] = int32_t(s.indices[entry] * inner + j % inner);
                if (!s.weights.empty()) weights[size_t(k * width + j)] = s.weights[entry];
            }
    }
};

// Where outputs are copies of neighbours, as a border and what it surrounds: runs of them.
struct Run {
    int64_t from, to, count;
};

std::vector<Run> runs_of(const Resampling& s, int64_t inner) {
    std::vector<Run> runs;
    for (int64_t i = 0; i < s.out; i++) {
        const int64_t from = s.indices[size_t(i)] * inner;
        if (runs.empty() || runs.back().from + runs.back().count != from)
            runs.push_back({from, i * inner, inner});
        else
            runs.back().count += inner;
    }
    return runs;
}

void copy_runs(const float* x, int64_t outer, const Resampling& s, int64_t inner, const std::vector<Run>& runs,
               float* y) {
    parallel_for(outer, 1 + GRAIN / (s.out * inner), [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; o++)
            for (const Run& run : runs) {
                const float* from = x + o * s.in * inner + run.from;
                float* to = y + o * s.out * inner + run.to;
                if (run.count == 1)
                    *to = *from;
                else
                    for_vectors(run.count, [=](int64_t, auto load, auto store) { store(to, load(from)); });
            }
    });
}

void resample_lines(const float* x, int64_t outer, const Resampling& s, int64_t inner, float* y) {
    const Line line(s, inner);
    const int32_t* index = line.indices.data();
    const float* weight = line.weights.empty() ? nullptr : line.weights.data();
    parallel_for(outer, 1 + GRAIN / line.size, [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; o++) {
            const float* from = x + o * s.in * inner;
            float* to = y + o * line.size;
            for (int64_t j = 0; j < line.size; j += W) {
                vf total = gather(from, load(index + j));
                if (weight) total *= load(weight + j);
                for (int64_t k = 1; k < s.taps; k++)
                    total = multiply_add(load(weight + k * line.width + j),
                                         gather(from, load(index + k * line.width + j)), total);
                store_first(to + j, total, int(min(W, line.size - j)));
            }
        }
    });
}

}  // namespace

void resample(const float* x, int64_t outer, const Resampling& s, int64_t inner, float* y) {
    if (s.weights.empty()) {
        const std::vector<Run> runs = runs_of(s, inner);
        if (int64_t(runs.size()) * W <= 2 * s.out * inner) return copy_runs(x, outer, s, inner, runs, y);
    }
    (inner < W ? resample_lines : resample_rows)(x, outer, s, inner, y);
}

}  // namespace rushlight
