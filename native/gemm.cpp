// Matrix products. C is cut into tiles by its shape alone; each tile runs the micro-kernel over panels of NR columns of B
// and strips of at most MR rows of A. A is always read in place. B is read in place where its rows are contiguous, and
// otherwise (linear layers: B is the transposed weight) copied into panels first. Products with very few rows or columns
// of two K-contiguous operands, where that copy would cost more than the product, are dot products instead.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"

namespace rushlight {
namespace {

#ifndef KB
#define KB 384
#define SPB 10
#define PPB 8
#endif
constexpr int64_t K_BLOCK = KB;          // steps of K between visits of C: a panel of them stays in L1 or L2
constexpr int64_t STRIPS_PER_BLOCK = SPB;  // strips of A that stay in L2 while the panels pass by
constexpr int64_t PANELS_PER_BLOCK = PPB;   // packed panels that stay in L2
constexpr int64_t A_STEP = (MR + W - 1) / W * W;  // floats per step of a packed strip
constexpr double TILE_WORK = 2e6;        // flops worth a range of parallel_for
constexpr int TILES_PER_THREAD = 4;
constexpr int64_t DOT_ROWS = 3;            // rows or columns up to which packing B does not pay
constexpr int64_t SPLIT_SIZE = 8192;       // entries of C up to which K is cut ...
constexpr int64_t STEPS_PER_RANGE = 1024;  // ... into ranges of at least this
constexpr int64_t MAX_RANGES = 32;
constexpr int64_t ROWS_PER_SUM = 64;       // rows that column_sums adds up in one go

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t min(int64_t a, int64_t b) { return std::min(a, b); }
int64_t max(int64_t a, int64_t b) { return std::max(a, b); }

struct Product {
    int64_t M, N, K;
    Matrix a, b;
    float* c;
    int64_t c_row;
    BiasFloor epilogue;

    double work() const { return 2.0 * double(M) * double(N) * double(K); }
};

constexpr BiasFloor KEEP{nullptr, -std::numeric_limits<float>::infinity()};

// Part of a product: a range of its rows, columns and steps.
struct Part {
    int64_t row, rows, column, columns, k, steps;
};

// --- panels of B -------------------------------------------------------------------------------------------------

// Copies `columns` (at most `width`) columns of b into rows of `width` floats, the rest 0.
void pack_panel(Matrix b, int64_t steps, int columns, int width, float* panel) {
    if (columns < width)
        for (int64_t i = 0; i < steps * width; i += W) store(panel + i, vf{});
    if (b.row == 1) return copy_transposed(b.data, b.col, columns, steps, panel, width);
    for (int64_t k = 0; k < steps; k++, panel += width) {
        const float* from = b.data + k * b.row;
        if (b.col == 1 && columns == width)
            for (int v = 0; v < width; v += W) store(panel + v, load(from + v));
        else
            for (int n = 0; n < columns; n++) panel[n] = from[n * b.col];
    }
}

// --- rows of A ---------------------------------------------------------------------------------------------------

// Strip i of `count` strips of nearly equal height.
struct Strip {
    int64_t row;
    int rows;
};
Strip strip(int64_t rows, int64_t count, int64_t i) {
    const int64_t begin = rows * i / count;
    return {begin, int(rows * (i + 1) / count - begin)};
}

// A block of rows, cut into strips: in place, or copied. Copied strips either keep their rows or are `strip_step` apart.
struct Rows {
    Matrix block;
    int64_t rows, strip_step;

    int64_t strips() const { return ceil_div(rows, MR); }
    Matrix at(int64_t i, Strip s) const {
        return strip_step ? Matrix{block.data + i * strip_step, block.row, block.col} : block.at(s.row, 0);
    }
};

// Copies a block so that each strip has its entries of a step side by side, padded to whole vectors.
Rows pack_strips(Matrix a, int64_t rows, int64_t steps, float* packed) {
    const Rows result{{packed, 1, A_STEP}, rows, steps * A_STEP};
    for (int64_t k = 0; k < steps; k++)
        for (int64_t i = 0; i < result.strips(); i++) {
            const Strip s = strip(rows, result.strips(), i);
            const Matrix from = a.at(s.row, k);
            float* to = packed + i * result.strip_step + k * A_STEP;
            if (a.row == 1)
                for (int r = 0; r < s.rows; r += W) store(to + r, load_first(from.data + r, int(min(W, s.rows - r))));
            else
                for (int r = 0; r < s.rows; r++) to[r] = from.data[r * a.row];
        }
    return result;
}

// Copies a block whose rows are a multiple of 4 KB apart, where a strip's rows would all compete for one set of the L1 cache.
Rows spread_rows(Matrix a, int64_t rows, int64_t steps, float* copy) {
    for (int64_t r = 0; r < rows; r++) std::memcpy(copy + r * (steps + W), a.at(r, 0).data, size_t(steps) * sizeof(float));
    return {{copy, steps + W, 1}, rows, 0};
}

// --- tiles -------------------------------------------------------------------------------------------------------

// The block's strips against one panel: columns column .. column + columns of C.
void run_strips(const Product& p, const Part& part, int64_t row, const Rows& rows, int64_t column, int columns,
                const float* panel, int64_t panel_row) {
    const bool first = part.k == 0, last = part.k + part.steps == p.K;
    const BiasFloor epilogue = last ? p.epilogue : KEEP;
    for (int64_t i = 0; i < rows.strips(); i++) {
        const Strip s = strip(rows.rows, rows.strips(), i);
        const int64_t at = row + s.row;
        const Tile tile{p.c + at * p.c_row + column, p.c_row, at, column, columns, !first};
        const Matrix a = rows.at(i, s);
        if (columns > W) run_micro_kernel<2>(s.rows, part.steps, a, panel, panel_row, tile, epilogue);
        else run_micro_kernel<1>(s.rows, part.steps, a, panel, panel_row, tile, epilogue);
    }
}

Rows rows_of(const Product& p, const Part& part, int64_t row, int64_t rows, float* copy) {
    const Matrix a = p.a.at(row, part.k);
    const bool used_often = part.columns > 2 * NR;
    if (used_often && a.col != 1) return pack_strips(a, rows, part.steps, copy);
    if (used_often && a.row % 1024 == 0) return spread_rows(a, rows, part.steps, copy);
    return {a, rows, 0};
}

// A part of at most K_BLOCK steps and PANELS_PER_BLOCK panels. Panels are packed when the first block of rows needs them.
void run_part(const Product& p, const Part& part, float* panels, float* copy) {
    const int64_t height = ceil_div(part.rows, ceil_div(part.rows, STRIPS_PER_BLOCK * MR));
    const bool pack_all = p.b.col != 1 || part.rows > 3 * MR;
    for (int64_t row = 0; row < part.rows; row += height) {
        const Rows rows = rows_of(p, part, part.row + row, min(height, part.rows - row), copy);
        for (int64_t column = 0; column < part.columns; column += NR) {
            const int columns = int(min(NR, part.columns - column)), width = columns > W ? NR : W;
            const Matrix b = p.b.at(part.k, part.column + column);
            const bool pack = pack_all || columns != width;
            float* packed = panels + column * part.steps;
            if (pack && row == 0) pack_panel(b, part.steps, columns, width, packed);
            run_strips(p, part, part.row + row, rows, part.column + column, columns, pack ? packed : b.data,
                       pack ? width : b.row);
        }
    }
}

bool run_block(const Product& p, Part part) {
    const int64_t blocks = ceil_div(part.steps, K_BLOCK), begin = part.k, steps = part.steps;
    float* panels = scratch(Slot::panels, size_t(PANELS_PER_BLOCK * NR * K_BLOCK));
    float* copy = scratch(Slot::rows, size_t(A_STEP * STRIPS_PER_BLOCK * (K_BLOCK + W)));
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

bool column_sums(const float* x, int64_t R, int64_t C, float* out) {
    const int64_t blocks = ceil_div(R, ROWS_PER_SUM);
    float* partial = scratch(Slot::partial_sums, size_t(blocks * C));
    if (!partial) return false;
    const auto add_rows = [C](const float* rows, int64_t count, int64_t c, int lanes) {
        vf total{};
        for (int64_t r = 0; r < count; r++) total += load_first(rows + r * C + c, lanes);
        return total;
    };
    parallel_for(blocks, max(1, 65536 / (ROWS_PER_SUM * C)), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            for (int64_t c = 0; c < C; c += W) {
                const int64_t row = i * ROWS_PER_SUM;
                const int lanes = int(min(W, C - c));
                store_first(partial + i * C + c, add_rows(x + row * C, min(ROWS_PER_SUM, R - row), c, lanes), lanes);
            }
    });
    for (int64_t c = 0; c < C; c += W) {
        const int lanes = int(min(W, C - c));
        store_first(out + c, add_rows(partial, blocks, c, lanes), lanes);
    }
    return true;
}

}  // namespace rushlight
