// Copies that change the order of dimensions, or put an array into a larger one. Where rows of both lie side by side
// they are copied whole; where rows of one are columns of the other, W x W blocks are transposed in registers.
#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "parallel.h"
#include "transpose.h"

namespace rushlight {
namespace {

constexpr int64_t RANGE = 1 << 15;  // elements worth a range of parallel_for
constexpr int64_t TILE = 64;        // rows and columns transposed at a time: lines of both stay in L1

// Where index i of the dimensions `dims` (some of those of the copy, the last the quickest) begins on both sides.
struct Place {
    int64_t from = 0, to = 0;

    Place(const StridedCopy& s, const int* dims, int count, int64_t i) {
        for (int k = count - 1; k >= 0; k--) {
            const int d = dims[k];
            from += i % s.shape[d] * s.from[d];
            to += i % s.shape[d] * s.to[d];
            i /= s.shape[d];
        }
    }
};

void copy_row(const float* from, int64_t step, int64_t n, float* to) {
    int64_t i = 0;
    if (step == 1) {
        std::memcpy(to, from, size_t(n) * sizeof(float));
        return;
    }
    for (; step == -1 && i + W <= n; i += W) store(to + i, reversed(load(from - i - (W - 1))));
    for (; i < n; i++) to[i] = from[i * step];
}

// The rows of the last dimension, one by one.
void copy_rows(const StridedCopy& s, const float* x, float* y) {
    int dims[StridedCopy::MOST];
    int64_t rows = 1;
    const int last = s.rank - 1;
    for (int d = 0; d < last; d++) dims[d] = d, rows *= s.shape[d];
    parallel_for(rows, 1 + RANGE / s.shape[last], [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const Place at(s, dims, last, i);
            copy_row(x + at.from, s.from[last], s.shape[last], y + at.to);
        }
    });
}

// Planes of the last dimension and of dimension `side`, whose entries lie side by side in x.
void transpose_planes(const StridedCopy& s, int side, const float* x, float* y) {
    int dims[StridedCopy::MOST], count = 0;
    int64_t planes = 1;
    const int last = s.rank - 1;
    for (int d = 0; d < last; d++)
        if (d != side) dims[count++] = d, planes *= s.shape[d];
    const int64_t R = s.shape[last], C = s.shape[side], blocks = ceil_div(C, TILE);
    parallel_for(planes * blocks, 1 + RANGE / (min(C, TILE) * R), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const Place at(s, dims, count, i / blocks);
            const int64_t c = i % blocks * TILE, columns = min(TILE, C - c);
            const float* from = x + at.from + c;
            float* to = y + at.to + c * s.to[side];
            for (int64_t r = 0; r < R; r += TILE)
                copy_transposed(from + r * s.from[last], s.from[last], min(TILE, R - r), columns, to + r, s.to[side]);
        }
    });
}

}  // namespace

void copy_strided(const StridedCopy& s, const float* x, float* y) {
    const int last = s.rank - 1;
    int side = last;
    for (int d = 0; d < last && s.from[last] > 1; d++)
        if (s.from[d] == 1 && s.shape[d] >= W / 2) side = d;
    side == last ? copy_rows(s, x, y) : transpose_planes(s, side, x, y);
}

}  // namespace rushlight
