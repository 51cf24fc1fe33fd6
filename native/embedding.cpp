// Looking up rows of a table, and the table's gradient: every row of the gradient is added to the row of the table it
// was read from.
#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int64_t COLUMNS =
    64;  // that a range adds up: each writes lines of its own, and adds in the order of the rows

void add_rows(const float* grad, const int64_t* indices, int64_t padding, int64_t R, int64_t D, int64_t column,
              int64_t columns, float* dweight) {
    for (int64_t r = 0; r < R; r++) {
        if (indices[r] == padding) continue;
        const float* from = grad + r * D + column;
        float* to = dweight + indices[r] * D + column;
        int64_t c = 0;
        for (; c + W <= columns; c += W) store(to + c, load(to + c) + load(from + c));
        const int rest = int(columns - c);
        if (rest) store_first(to + c, load_first(to + c, rest) + load_first(from + c, rest), rest);
    }
}

}  // namespace

void embedding_forward(const float* weight, const int64_t* indices, int64_t R, int64_t D, float* y) {
    parallel_for(R, 1 + (1 << 15) / D, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++)
            std::memcpy(y + r * D, weight + indices[r] * D, size_t(D) * sizeof(float));
    });
}

void embedding_backward(const float* grad, const int64_t* indices, int64_t padding, int64_t R, int64_t D, int64_t V,
                        float* dweight) {
    const int64_t grain = std::max(COLUMNS, (1 << 16) / (R + V) / COLUMNS * COLUMNS);
    parallel_for(D, grain, [=](int64_t begin, int64_t end) {
        for (int64_t v = 0; v < V; v++) std::fill(dweight + v * D + begin, dweight + v * D + end, 0.0f);
        add_rows(grad, indices, padding, R, D, begin, end - begin, dweight);
    });
}

}  // namespace rushlight
