// Matrix products. C is cut into tiles by its shape alone; each tile runs the micro-kernel over panels of NR columns of
// B and strips of at most MR rows of A. A is always read in place. B is read in place where its rows are contiguous
// and near one another, and otherwise (linear layers: B is the transposed weight) copied into panels first. Products
// with very few rows or columns of two K-contiguous operands, where that copy would cost more than the product, are dot
// products instead.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "half.h"
#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"

namespace rushlight {
namespace {

constexpr int64_t K_BLOCK = 384;          // steps of K between visits of C: a panel of them stays in L1 or L2
constexpr int64_t STRIPS_PER_BLOCK = 10;  // strips of A that stay in L2 while the panels pass by
constexpr int64_t COPY_AHEAD = 8;         // columns of A that are fetched ahead while they are copied
constexpr int64_t PANELS_PER_BLOCK = 8;   // packed panels that stay in L2
constexpr int64_t PAGE = 1024;            // floats in 4 KB: the processor does not fetch ahead beyond
constexpr double TILE_WORK = 5e5;         // flops worth a range of parallel_for
constexpr int TILES_PER_THREAD = 4;
constexpr int64_t DOT_ROWS = 3;            // rows or columns up to which packing B does not pay
constexpr int64_t SPLIT_SIZE = 8192;       // entries of C up to which K is cut ...
constexpr int64_t STEPS_PER_RANGE = 1024;  // ... into ranges of at least this
constexpr int64_t MAX_RANGES = 32;
constexpr int64_t ROWS_PER_SUM = 64;  // rows that column_sums adds up in one go

struct Product {
    int64_t M, N, K;
    Matrix a, b;
    float* c;
    int64_t c_row;
    BiasFloor epilogue;

    double work() const { return 2.0 * double(M) * double(N) * double(K); }
};

// Part of a product: a range of its rows, columns and steps.
struct Part {
    int64_t row, rows, column, columns, k, steps;
};

// --- rows of A ---------------------------------------------------------------------------------------------------

// The rows of a block of A. Of a transposed one whose columns are a multiple of 4 KB apart, in memory, a copy: those
// that a strip needs together would compete for one set of the caches. Rows as far apart are read in place: a strip
// uses all of a line before it goes on, which the copy would cost.
Rows rows_of(const Product& p, const Part& part, int64_t row, int64_t rows, float* copy) {
    const Matrix a = p.a.at(row, part.k);
    const bool used_often = part.columns > 2 * NR;
    if (!used_often || a.row != 1 || a.col % PAGE != 0) return {a, rows};
    for (int64_t k = 0; k < part.steps; k++) {
        for (int64_t r = 0; r < rows; r += 16) __builtin_prefetch(a.at(r, k + COPY_AHEAD).data);
        std::memcpy(copy + k * (rows + W), a.at(0, k).data, size_t(rows) * sizeof(float));
    }
    return {{copy, 1, rows + W}, rows};
}

// --- tiles -------------------------------------------------------------------------------------------------------

// A part of at most K_BLOCK steps and PANELS_PER_BLOCK panels.
void run_part(const Product& p, const Part& part, float* panels, float* copy) {
    const int64_t height = ceil_div(part.rows, ceil_div(part.rows, STRIPS_PER_BLOCK * MR));
    const bool pack_all = p.b.col != 1 || (p.b.row >= PAGE && part.rows > 3 * MR);
    const bool first = part.k == 0, last = part.k + part.steps == p.K;
    if (pack_all) pack_block(p.b.at(part.k, part.column), part.steps, part.columns, panels);
    for (int64_t row = part.row; row < part.row + part.rows; row += height) {
        const Rows rows = rows_of(p, part, row, min(height, part.row + part.rows - row), copy);
        for (int64_t column = 0; column < part.columns; column += NR) {
            const int columns = int(min(NR, part.columns - column)), width = panel_width(columns);
            const int64_t at = part.column + column;
            const Matrix b = p.b.at(part.k, at);
            const bool pack = pack_all || columns != width;
            float* packed = panels + column * part.steps;
            if (pack && !pack_all && row == part.row) pack_panel(b, part.steps, columns, width, packed);
            const Tile tile{p.c + row * p.c_row + at, p.c_row, row, at, columns, !first};
            run_strips(part.steps, rows, pack ? packed : b.data, pack ? width : b.row, tile, last ? p.epilogue : KEEP);
        }
    }
}

bool run_block(const Product& p, Part part) {
    const int64_t blocks = ceil_div(part.steps, K_BLOCK), begin = part.k, steps = part.steps;
    float* panels = scratch(Slot::panels, size_t(PANELS_PER_BLOCK * NR * K_BLOCK));
    float* copy = scratch(Slot::rows, size_t((MR * STRIPS_PER_BLOCK + W) * (K_BLOCK + W)));
    if (!panels || !copy) return false;
    for (int64_t i = 0; i < blocks; i++) {
        part.k = begin + steps * i / blocks;
        part.steps = begin + steps * (i + 1) / blocks - part.k;
        run_part(p, part, panels, copy);
    }
    return true;
}

bool run_tile(const Product& p, const Part& tile) {
    const int64_t width = PANELS_PER_BLOCK * NR;
    Part part = tile;
    for (int64_t column = 0; column < tile.columns; column += width) {
        part.column = tile.column + column;
        part.columns = min(width, tile.columns - column);
        if (!run_block(p, part)) return false;
    }
    return true;
}

// How C is cut: its sums run over k in one order whatever the cut, so the number of threads may decide.
struct Cut {
    int64_t rows, columns, down, across;
};

Cut cut_tiles(const Product& p) {
    const double most = get_num_threads() == 1 ? 1 : get_num_threads() * TILES_PER_THREAD;
    const int64_t wanted = int64_t(std::min(most, 1 + p.work() / TILE_WORK)), panels = ceil_div(p.N, NR);
    const int64_t wide = min(wanted, ceil_div(panels, PANELS_PER_BLOCK / 2));  // few panels: rows of A are read often
    const int64_t rows = ceil_div(p.M, min(ceil_div(wanted, wide), max(1, p.M / (8 * MR)))), down = ceil_div(p.M, rows);
    const int64_t columns = ceil_div(panels, min(panels, ceil_div(wanted, down))) * NR;
    return {rows, columns, down, ceil_div(p.N, columns)};
}

bool run_tiles(const Product& p) {
    const Cut cut = cut_tiles(p);
    std::atomic<bool> whole{true};
    parallel_for(cut.down * cut.across, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t row = i % cut.down * cut.rows, column = i / cut.down * cut.columns;
            const int64_t rows = min(cut.rows, p.M - row), columns = min(cut.columns, p.N - column);
            if (!run_tile(p, {row, rows, column, columns, 0, p.K})) whole = false;
        }
    });
    return whole;
}

// --- few rows or columns -----------------------------------------------------------------------------------------

// c[i, j] for I rows of A and J columns of B that are contiguous along k, vectors running along k.
template <int I, int J>
void dot_tile(const Product& p, int64_t m, int64_t n) {
    vf sum[I][J] = {};
    const auto add = [&](auto fetch) {
        vf y[J];
        for (int j = 0; j < J; j++) y[j] = fetch(p.b.data + (n + j) * p.b.col);
        for (int i = 0; i < I; i++) {
            const vf x = fetch(p.a.data + (m + i) * p.a.row);
            for (int j = 0; j < J; j++) sum[i][j] = multiply_add(x, y[j], sum[i][j]);
        }
    };
    int64_t k = 0;
    for (; k + W <= p.K; k += W) add([k](const float* row) { return load(row + k); });
    if (k < p.K) add([k, left = int(p.K - k)](const float* row) { return load_first(row + k, left); });
    for (int i = 0; i < I; i++)
        for (int j = 0; j < J; j++) {
            float total = rushlight::sum(sum[i][j]);
            if (p.epilogue.bias) total += p.epilogue.bias[n + j];
            p.c[(m + i) * p.c_row + n + j] = total < p.epilogue.floor ? p.epilogue.floor : total;
        }
}

void dot_columns(const Product& p, int64_t begin, int64_t end) {
    int64_t n = begin;
    for (; n + 4 <= end; n += 4) {
        int64_t m = 0;
        for (; m + 2 <= p.M; m += 2) dot_tile<2, 4>(p, m, n);
        if (m < p.M) dot_tile<1, 4>(p, m, n);
    }
    for (; n < end; n++)
        for (int64_t m = 0; m < p.M; m++) dot_tile<1, 1>(p, m, n);
}

bool run_dots(const Product& p) {
    const int64_t grain = max(4, ceil_div(int64_t(TILE_WORK / (2.0 * double(p.M) * double(p.K))), 4) * 4);
    parallel_for(p.N, grain, [&](int64_t begin, int64_t end) { dot_columns(p, begin, end); });
    return true;
}

// --- few entries, many steps -------------------------------------------------------------------------------------

// Cuts the sum over k into ranges whose partial products are added in order.
bool run_split(const Product& p) {
    const int64_t ranges = min(MAX_RANGES, p.K / STEPS_PER_RANGE), size = p.M * p.N;
    float* partial = scratch(Slot::partial_sums, size_t(ranges * size));
    if (!partial) return false;
    std::atomic<bool> whole{true};
    parallel_for(ranges, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t k = p.K * i / ranges, steps = p.K * (i + 1) / ranges - k;
            const Product part{p.M, p.N, steps, p.a.at(0, k), p.b.at(k, 0), partial + i * size, p.N, KEEP};
            if (!run_tile(part, {0, p.M, 0, p.N, 0, steps})) whole = false;
        }
    });
    for (int64_t m = 0; m < p.M; m++)
        for (int64_t n = 0; n < p.N; n += W) {
            const int lanes = int(min(W, p.N - n));
            vf total{};
            for (int64_t i = 0; i < ranges; i++) total += load_first(partial + i * size + m * p.N + n, lanes);
            store_first(p.c + m * p.c_row + n, p.epilogue(total, m, n, lanes), lanes);
        }
    return whole;
}

}  // namespace

bool gemm(int64_t M, int64_t N, int64_t K, Matrix a, Matrix b, const float* bias, bool relu, float* c, int64_t c_row) {
    const Product p{M, N, K, a, b, c, c_row, {bias, relu ? 0.0f : KEEP.floor}};
    if (a.col == 1 && b.row == 1 && (M <= DOT_ROWS || N <= DOT_ROWS)) return run_dots(p);
    if (M * N <= SPLIT_SIZE && K >= 2 * STEPS_PER_RANGE) return run_split(p);
    return run_tiles(p);
}

namespace {

constexpr int SUMS = 8;  // vectors of columns added up together: rows are read in long stretches

// put(c, sum of fetch(r * C + c) over rows, lanes) for V vectors of columns from `c` on, of which the last has `lanes`.
template <int V, class Fetch, class Put>
void add_columns(int64_t begin, int64_t end, int64_t C, int64_t c, int lanes, const Fetch& fetch, const Put& put) {
    vf total[V] = {};
    for (int64_t r = begin; r < end; r++)
        for (int v = 0; v < V; v++) total[v] += fetch(r * C + c + v * W, v < V - 1 ? W : lanes);
    for (int v = 0; v < V; v++) put(c + v * W, total[v], v < V - 1 ? W : lanes);
}

template <class Fetch, class Put>
void add_rows(int64_t begin, int64_t end, int64_t C, const Fetch& fetch, const Put& put) {
    int64_t c = 0;
    for (; c + SUMS * W <= C; c += SUMS * W) add_columns<SUMS>(begin, end, C, c, W, fetch, put);
    for (; c < C; c += W) add_columns<1>(begin, end, C, c, int(min(W, C - c)), fetch, put);
}

// Partial sums of blocks of rows, then their sums; `fetch(at, lanes)` gives entries of x as floats, `put` takes sums.
template <class Fetch, class Put>
bool sum_columns(int64_t R, int64_t C, const Fetch& fetch, const Put& put) {
    const int64_t blocks = ceil_div(R, ROWS_PER_SUM);
    float* partial = scratch(Slot::partial_sums, size_t(blocks * C));
    if (!partial) return false;
    parallel_for(blocks, max(1, 65536 / (ROWS_PER_SUM * C)), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            add_rows(i * ROWS_PER_SUM, min(R, (i + 1) * ROWS_PER_SUM), C, fetch,
                     [=](int64_t c, vf total, int lanes) { store_first(partial + i * C + c, total, lanes); });
    });
    add_rows(0, blocks, C, [=](int64_t at, int lanes) { return load_first(partial + at, lanes); }, put);
    return true;
}

}  // namespace

bool column_sums(const float* x, int64_t R, int64_t C, float* out) {
    return sum_columns(
        R, C, [x](int64_t at, int lanes) { return lanes == W ? load(x + at) : load_first(x + at, lanes); },
        [out](int64_t c, vf total, int lanes) { store_first(out + c, total, lanes); });
}

bool column_sums_bf16(const uint16_t* x, int64_t R, int64_t C, uint16_t* out) {
    return sum_columns(
        R, C, [x](int64_t at, int lanes) { return Bfloat16::widen(load_half(x + at, lanes)); },
        [out](int64_t c, vf total, int lanes) { store_half(out + c, Bfloat16::narrow(total), lanes); });
}

}  // namespace rushlight
