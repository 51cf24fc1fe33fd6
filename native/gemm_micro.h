// The one micro-kernel under gemm, convolution, attention and recurrent cells: a tile of C of up to MR rows and NV
// vectors is held in registers while a loop over K adds the products of a column of A and a row of B to it, then an
// epilogue sees the sums in registers before they are stored. A is read in place with any strides, one element at a
// time; B gives NV whole vectors per step, from its own rows or from a packed panel.
//
// Registers: AVX-512 has 32: 14 * 2 sums, 2 of B, 1 of A. AVX2 and SSE have 16: 6 * 2 sums, 2 of B, 1 of A.
#pragma once

#include <limits>

#include "simd.h"

namespace rushlight {

#if defined(__AVX512F__)
constexpr int MR = 14;
#else
constexpr int MR = 6;
#endif
constexpr int NV = 2;
constexpr int NR = NV * W;

constexpr int64_t AHEAD =
    12;  // steps that columns of A are fetched ahead; matters where they are far apart, as in a transpose

// A matrix with any strides, in elements: entry (i, j) is at data[i * row + j * col].
template <class T>
struct MatrixOf {
    const T* data;
    int64_t row, col;

    MatrixOf at(int64_t i, int64_t j) const { return {data + i * row + j * col, row, col}; }
    MatrixOf transposed() const { return {data, col, row}; }
};
using Matrix = MatrixOf<float>;
using HalfMatrix = MatrixOf<uint16_t>;  // half-precision numbers by their bits

// Where a tile goes: its first entry, its place in all of C (for the epilogue), how many of its columns exist.
struct Tile {
    float* c;
    int64_t c_row;
    int64_t row, column;
    int columns;
    bool add;  // to what c holds, instead of starting from 0
};

// sum += a b over K steps, all in registers.
template <int M, int V>
inline __attribute__((always_inline)) void multiply_tile(int64_t K, Matrix a, const float* b, int64_t b_row,
                                                         vf sum[M][V]) {
    constexpr int HALF =
        (M + 1) / 2;  // two pointers and HALF offsets: one pointer and M offsets would not fit in registers
    const float *upper = a.data, *lower = a.data + HALF * a.row;
    for (int64_t k = 0; k < K; k++) {
        vf row[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) row[v] = load(b + v * W);
#pragma GCC unroll 16
        for (int i = 0; i < M; i++) {
            const vf x = broadcast(i < HALF ? upper[i * a.row] : lower[(i - HALF) * a.row]);
#pragma GCC unroll 8
            for (int v = 0; v < V; v++) sum[i][v] = multiply_add(x, row[v], sum[i][v]);
        }
        __builtin_prefetch(upper + AHEAD * a.col);
        __builtin_prefetch(upper + AHEAD * a.col + M - 1);
        upper += a.col;
        lower += a.col;
        b += b_row;
    }
}

// Fetches c while the products are added up: into L2, since rows that lie 4 KB apart have too few places in L1. The
// last column too: where rows are not aligned, they end in another cache line.
template <int M, int V>
inline void fetch_tile(const Tile& tile) {
    for (int i = 0; i < M; i++) {
        const float* row = tile.c + i * tile.c_row;
        for (int j = 0; j < V * W; j += 16) __builtin_prefetch(row + j, 1, 2);
        __builtin_prefetch(row + V * W - 1, 1, 2);
    }
}

// c = epilogue(a b [+ c]) for M rows. epilogue(vf value, int64_t row, int64_t column, int lanes) gives what to store.
template <int M, int V, class Epilogue>
__attribute__((noinline)) void micro_kernel(int64_t K, Matrix a, const float* b, int64_t b_row, const Tile& tile,
                                            const Epilogue& epilogue) {
    fetch_tile<M, V>(tile);
    vf sum[M][V];
#pragma GCC unroll 16
    for (int i = 0; i < M; i++)
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) sum[i][v] = vf{};
    multiply_tile<M, V>(K, a, b, b_row, sum);
    float* c = tile.c;
    if (tile.columns == V * W) {
#pragma GCC unroll 16
        for (int i = 0; i < M; i++, c += tile.c_row)
#pragma GCC unroll 8
            for (int v = 0; v < V; v++) {
                const vf total = tile.add ? sum[i][v] + load(c + v * W) : sum[i][v];
                store(c + v * W, epilogue(total, tile.row + i, tile.column + v * W, W));
            }
        return;
    }
#pragma GCC unroll 16
    for (int i = 0; i < M; i++, c += tile.c_row)
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) {
            const int left = tile.columns - v * W, lanes = left < W ? left : W;
            if (lanes <= 0) break;
            const vf total = tile.add ? sum[i][v] + load_first(c + v * W, lanes) : sum[i][v];
            store_first(c + v * W, epilogue(total, tile.row + i, tile.column + v * W, lanes), lanes);
        }
}

// The micro-kernel for `rows` (1..MR) rows, chosen at run time.
template <int V, class Epilogue, int... M>
inline void pick_micro_kernel(int rows, int64_t K, Matrix a, const float* b, int64_t b_row, const Tile& tile,
                              const Epilogue& epilogue, std::integer_sequence<int, M...>) {
    using Kernel = void (*)(int64_t, Matrix, const float*, int64_t, const Tile&, const Epilogue&);
    static constexpr Kernel kernels[] = {micro_kernel<M + 1, V, Epilogue>...};
    kernels[rows - 1](K, a, b, b_row, tile, epilogue);
}
template <int V, class Epilogue>
inline void run_micro_kernel(int rows, int64_t K, Matrix a, const float* b, int64_t b_row, const Tile& tile,
                             const Epilogue& epilogue) {
    pick_micro_kernel<V>(rows, K, a, b, b_row, tile, epilogue, std::make_integer_sequence<int, MR>());
}

// Rows of A, cut into strips of nearly equal height, at most MR.
struct Rows {
    Matrix block;
    int64_t count;

    int64_t strips() const { return (count + MR - 1) / MR; }
    int64_t begin(int64_t i) const { return count / strips() * i + min(count % strips(), i); }
    int height(int64_t i) const { return int(count / strips() + (i < count % strips())); }
    Matrix strip(int64_t i) const { return block.at(begin(i), 0); }
};

// Floats per step of a panel that holds this many columns.
inline int panel_width(int64_t columns) { return columns > W ? NR : W; }

// All strips against one panel; `tile` is that of all rows together.
template <class Epilogue>
void run_strips(int64_t K, const Rows rows, const float* panel, int64_t panel_row, const Tile& tile,
                const Epilogue& epilogue) {
    for (int64_t i = 0; i < rows.strips(); i++) {
        const int64_t begin = rows.begin(i);
        Tile part = tile;
        part.c += begin * tile.c_row;
        part.row += begin;
        if (tile.columns > W)
            run_micro_kernel<2>(rows.height(i), K, rows.strip(i), panel, panel_row, part, epilogue);
        else
            run_micro_kernel<1>(rows.height(i), K, rows.strip(i), panel, panel_row, part, epilogue);
    }
}

// The epilogue of most products: max(value + bias[column], floor) with floor 0 (ReLU) or -inf (none).
struct BiasFloor {
    const float* bias;  // or nullptr
    float floor;
    vf operator()(vf value, int64_t, int64_t column, int lanes) const {
        if (bias) value += lanes == W ? load(bias + column) : load_first(bias + column, lanes);
        return max(broadcast(floor), value);  // in this order NaN stays NaN
    }
};
constexpr BiasFloor KEEP{nullptr, -std::numeric_limits<float>::infinity()};

}  // namespace rushlight
