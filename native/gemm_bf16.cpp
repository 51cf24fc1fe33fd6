// Products of bfloat16 matrices, summed in float32 by the instruction that multiplies pairs and adds them (vdpbf16ps).
// Both operands lie in memory as it wants them, two steps of K side by side: B is packed into panels, and so is A
// unless its rows are contiguous. Only the micro-kernel holds that instruction, so that the build still runs on
// processors without it; they get no products from here (`has_bf16_products`).
#include <atomic>

#include "half.h"
#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"

#if defined(__AVX512F__) && (defined(__clang__) || __GNUC__ >= 10)
#define RUSHLIGHT_BF16_PRODUCTS
#endif

namespace rushlight {

#if defined(RUSHLIGHT_BF16_PRODUCTS)

namespace {

constexpr int64_t K_BLOCK = 2048;          // steps of K between visits of C: PANELS panels of them stay in L2
constexpr int64_t PANELS = 4;              // panels of a tile of C
constexpr int64_t TILE_ROWS = 8 * MR;      // rows of a tile of C
constexpr int64_t RANGE_WORK = 2000000;    // flops worth a range of parallel_for
constexpr int64_t PACK_SIZE = 1 << 15;     // entries worth a range of packing
constexpr int64_t DOT_ROWS = 3;            // rows or columns up to which packing B does not pay
constexpr int64_t SPLIT_SIZE = 8192;       // entries of C up to which K is cut ...
constexpr int64_t STEPS_PER_RANGE = 1024;  // ... into ranges of at least this
constexpr int64_t MAX_RANGES = 32;

// Rows of A by pairs of steps: pair p of row i is at data + i * row + p * pair.
struct PairRows {
    const uint16_t* data;
    int64_t row, pair;
};

uint32_t join(uint16_t even, uint16_t odd) { return uint32_t(even) | uint32_t(odd) << 16; }

// --- the micro-kernel --------------------------------------------------------------------------------------------

#define RUSHLIGHT_BF16 __attribute__((target("avx512bf16")))

// sum += a b over some pairs of steps, all in registers.
template <int M, int V>
RUSHLIGHT_BF16 inline __attribute__((always_inline)) void add_pairs(int64_t pairs, PairRows a, const uint32_t* panel,
                                                                    __m512 (&sum)[M][V]) {
    for (; pairs > 0; pairs--, a.data += a.pair, panel += V * W) {
        __m512bh b[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) b[v] = (__m512bh)_mm512_loadu_si512(panel + v * W);
#pragma GCC unroll 16
        for (int i = 0; i < M; i++) {
            int32_t pair;
            std::memcpy(&pair, a.data + i * a.row, sizeof pair);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 2
            for (int v = 0; v < V; v++) sum[i][v] = _mm512_dpbf16_ps(sum[i][v], x, b[v]);
        }
    }
}

// c[i, n] (+)= sum over steps of a[i, k] b[k, n] for M rows and V vectors of columns, of which `columns` exist.
template <int M, int V>
RUSHLIGHT_BF16 __attribute__((noinline)) void multiply_pairs(int64_t steps, PairRows a, const uint32_t* panel, float* c,
                                                             int64_t c_row, int columns, bool add) {
    __m512 sum[M][V];
#pragma GCC unroll 16
    for (int i = 0; i < M; i++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) sum[i][v] = _mm512_setzero_ps();
    const int64_t whole = a.pair == 2 ? steps / 2 : ceil_div(steps, 2);
    add_pairs<M, V>(whole, a, panel, sum);
    if (2 * whole < steps) {  // beside the last step in a row lies what is no part of it
        uint16_t last[2 * M] = {};
        for (int i = 0; i < M; i++) last[2 * i] = a.data[i * a.row + 2 * whole];
        add_pairs<M, V>(1, {last, 2, 0}, panel + whole * V * W, sum);
    }
#pragma GCC unroll 16
    for (int i = 0; i < M; i++, c += c_row)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) {
            const int lanes = columns - v * W;
            if (lanes <= 0) break;
            const __mmask16 mask = lanes >= W ? __mmask16(-1) : __mmask16((1u << lanes) - 1);
            const __m512 before = add ? _mm512_maskz_loadu_ps(mask, c + v * W) : _mm512_setzero_ps();
            _mm512_mask_storeu_ps(c + v * W, mask, _mm512_add_ps(sum[i][v], before));
        }
}

template <int V, int... M>
void pick(int rows, int64_t steps, PairRows a, const uint32_t* panel, float* c, int64_t c_row, int columns, bool add,
          std::integer_sequence<int, M...>) {
    using Kernel = void (*)(int64_t, PairRows, const uint32_t*, float*, int64_t, int, bool);
    static constexpr Kernel kernels[] = {multiply_pairs<M + 1, V>...};
    kernels[rows - 1](steps, a, panel, c, c_row, columns, add);
}

// The dot product of n contiguous numbers.
RUSHLIGHT_BF16 float dot(const uint16_t* a, const uint16_t* b, int64_t n) {
    __m512 total = _mm512_setzero_ps();
    for (int64_t k = 0; k < n; k += 2 * W) {
        const __mmask32 mask = n - k >= 2 * W ? __mmask32(-1) : __mmask32((1ull << (n - k)) - 1);
        total = _mm512_dpbf16_ps(total, (__m512bh)_mm512_maskz_loadu_epi16(mask, a + k),
                                 (__m512bh)_mm512_maskz_loadu_epi16(mask, b + k));
    }
    return sum(total);
}

// --- packing -----------------------------------------------------------------------------------------------------

// A product whose operands are packed. Panel j holds columns j NR ... side by side, for all pairs of steps.
struct Product {
    int64_t M, N, K;
    HalfMatrix a, b;
    const float* bias;
    float floor;
    HalfResult c;
    PairRows rows;  // of strip 0; strip i begins at row i * MR
    const uint32_t* panels;

    int64_t pairs() const { return (K + 1) / 2; }
    int64_t count() const { return ceil_div(N, NR); }
    int width(int64_t panel) const { return panel_width(N - panel * NR); }
    int columns(int64_t panel) const { return int(min(NR, N - panel * NR)); }
};

// Pairs begin .. end of all panels, from rows of B.
void pack_rows(const Product& p, int64_t begin, int64_t end, uint32_t* panels) {
    for (int64_t k = begin; k < end; k++) {
        const uint16_t* even = p.b.at(2 * k, 0).data;
        const bool whole = 2 * k + 1 < p.K;
        const uint16_t* odd = whole ? even + p.b.row : even;
        const uint16_t mask = whole ? 0xffff : 0;
        for (int64_t j = 0; j < p.count(); j++, even += NR * p.b.col, odd += NR * p.b.col) {
            const int width = p.width(j), columns = p.columns(j);
            uint32_t* to = panels + j * NR * p.pairs() + k * width;
            if (columns == NR && p.b.col == 1) {
                for (int n = 0; n < NR; n++) to[n] = join(even[n], odd[n] & mask);
                continue;
            }
            for (int n = 0; n < columns; n++) to[n] = join(even[n * p.b.col], odd[n * p.b.col] & mask);
            for (int n = columns; n < width; n++) to[n] = 0;
        }
    }
}

// Panels begin .. end, from columns of B whose pairs are whole words.
void pack_columns(const Product& p, int64_t begin, int64_t end, uint32_t* panels) {
    for (int64_t j = begin; j < end; j++) {
        const HalfMatrix b = p.b.at(0, j * NR);
        uint32_t* to = panels + j * NR * p.pairs();
        const Matrix words{reinterpret_cast<const float*>(b.data), 1, b.col / 2};
        pack_panel(words, p.K / 2, p.columns(j), p.width(j), reinterpret_cast<float*>(to));
        if (p.K % 2 == 0) continue;
        to += p.K / 2 * p.width(j);
        for (int n = 0; n < p.width(j); n++) to[n] = n < p.columns(j) ? *b.at(p.K - 1, n).data : 0;
    }
}

void pack_b(const Product& p, uint32_t* panels) {
    const bool words = p.b.row == 1 && p.b.col % 2 == 0 && reinterpret_cast<uintptr_t>(p.b.data) % 4 == 0;
    if (words && p.b.col != 1)
        parallel_for(p.count(), max(1, PACK_SIZE / (NR * p.K)),
                     [&](int64_t begin, int64_t end) { pack_columns(p, begin, end, panels); });
    else
        parallel_for(p.pairs(), max(1, PACK_SIZE / (2 * p.N)),
                     [&](int64_t begin, int64_t end) { pack_rows(p, begin, end, panels); });
}

// Strips of MR rows, in each the rows of a pair side by side.
void pack_a(const Product& p, uint32_t* strips) {
    parallel_for(p.pairs(), max(1, PACK_SIZE / (2 * p.M)), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; k++) {
            const uint16_t* even = p.a.at(0, 2 * k).data;
            const bool whole = 2 * k + 1 < p.K;
            const uint16_t* odd = whole ? even + p.a.col : even;
            const uint16_t mask = whole ? 0xffff : 0;
            for (int64_t m = 0; m < p.M; m += MR) {
                uint32_t* to = strips + m * p.pairs() + k * MR;
                const int rows = int(min(MR, p.M - m));
                if (rows == MR && p.a.row == 1)
                    for (int i = 0; i < MR; i++) to[i] = join(even[m + i], odd[m + i] & mask);
                else
                    for (int i = 0; i < rows; i++) to[i] = join(even[(m + i) * p.a.row], odd[(m + i) * p.a.row] & mask);
            }
        }
    });
}

// --- tiles -------------------------------------------------------------------------------------------------------

// Sums become entries of C.
void finish(const Product& p, int64_t row, int64_t rows, int64_t column, int64_t columns, const float* sums,
            int64_t sums_row) {
    const BiasFloor epilogue{p.bias, p.floor};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t n = 0; n < columns; n += W) {
            const int lanes = int(min(W, columns - n));
            const vf value = epilogue(load_first(sums + i * sums_row + n, lanes), row + i, column + n, lanes);
            const int64_t at = (row + i) * p.c.row + column + n;
            if (p.c.wide)
                store_first(p.c.wide + at, value, lanes);
            else
                store_half(p.c.narrow + at, Bfloat16::narrow(value), lanes);
        }
}

// Steps k .. k + steps of a tile of C.
void multiply_tile(const Product& p, int64_t row, int64_t rows, int64_t panel, int64_t panels, int64_t k, int64_t steps,
                   float* sums, int64_t sums_row, bool add) {
    for (int64_t m = row; m < row + rows; m += MR) {
        PairRows a = p.rows;
        a.data += (p.a.col == 1 ? m * a.row : m * 2 * p.pairs()) + k / 2 * a.pair;
        for (int64_t j = 0; j < panels; j++) {
            const int height = int(min(MR, row + rows - m)), width = p.width(panel + j);
            const uint32_t* b = p.panels + (panel + j) * NR * p.pairs() + k / 2 * width;
            float* c = sums + (m - row) * sums_row + j * NR;
            const auto heights = std::make_integer_sequence<int, MR>();
            if (width == NR)
                pick<2>(height, steps, a, b, c, sums_row, p.columns(panel + j), add, heights);
            else
                pick<1>(height, steps, a, b, c, sums_row, p.columns(panel + j), add, heights);
        }
    }
}

bool run_tile(const Product& p, int64_t row, int64_t panel) {
    const int64_t rows = min(TILE_ROWS, p.M - row), panels = min(PANELS, p.count() - panel);
    float* sums = scratch(Slot::tiles, size_t(TILE_ROWS * PANELS * NR));
    if (!sums) return false;
    for (int64_t k = 0; k < p.K; k += K_BLOCK)
        multiply_tile(p, row, rows, panel, panels, k, min(K_BLOCK, p.K - k), sums, PANELS * NR, k > 0);
    finish(p, row, rows, panel * NR, min(panels * NR, p.N - panel * NR), sums, PANELS * NR);
    return true;
}

bool run_tiles(const Product& p) {
    const int64_t down = ceil_div(p.M, TILE_ROWS), across = ceil_div(p.count(), PANELS);
    const int64_t work = 2 * min(TILE_ROWS, p.M) * min(PANELS * NR, p.N) * p.K;
    std::atomic<bool> whole{true};
    parallel_for(down * across, max(1, RANGE_WORK / work), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            if (!run_tile(p, i % down * TILE_ROWS, i / down * PANELS)) whole = false;
    });
    return whole;
}

// Cuts the sum over k into ranges whose partial products are added in order.
bool run_split(const Product& p) {
    const int64_t ranges = min(MAX_RANGES, p.K / STEPS_PER_RANGE), size = p.M * p.N;
    float* partial = scratch(Slot::partial_sums, size_t(ranges * size));
    if (!partial) return false;
    parallel_for(ranges, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t k = p.K * i / ranges / 2 * 2, stop = i + 1 < ranges ? p.K * (i + 1) / ranges / 2 * 2 : p.K;
            multiply_tile(p, 0, p.M, 0, p.count(), k, stop - k, partial + i * size, p.N, false);
        }
    });
    for (int64_t n = 0; n < size; n++)
        for (int64_t i = 1; i < ranges; i++) partial[n] += partial[i * size + n];
    finish(p, 0, p.M, 0, p.N, partial, p.N);
    return true;
}

// Few rows or columns, contiguous along k.
bool run_dots(const Product& p) {
    const int64_t grain = max(4, RANGE_WORK / (2 * p.M * p.K));
    parallel_for(p.N, grain, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; n++)
            for (int64_t m = 0; m < p.M; m++) {
                const float total = dot(p.a.at(m, 0).data, p.b.at(0, n).data, p.K);
                finish(p, m, 1, n, 1, &total, 1);
            }
    });
    return true;
}

}  // namespace

bool has_bf16_products() {
    static const bool found = __builtin_cpu_supports("avx512bf16");
    return found;
}

bool gemm_bf16(int64_t M, int64_t N, int64_t K, HalfMatrix a, HalfMatrix b, const float* bias, bool relu,
               HalfResult c) {
    Product p{M, N, K, a, b, bias, relu ? 0.0f : KEEP.floor, c, {a.data, a.row, 2}, nullptr};
    if (a.col == 1 && b.row == 1 && (M <= DOT_ROWS || N <= DOT_ROWS)) return run_dots(p);
    auto* panels = reinterpret_cast<uint32_t*>(scratch(Slot::panels, size_t(p.count() * NR * p.pairs())));
    if (!panels) return false;
    pack_b(p, panels);
    p.panels = panels;
    if (a.col != 1) {
        auto* strips = reinterpret_cast<uint32_t*>(scratch(Slot::rows, size_t(ceil_div(M, MR) * MR * p.pairs())));
        if (!strips) return false;
        pack_a(p, strips);
        p.rows = {reinterpret_cast<const uint16_t*>(strips), 2, 2 * MR};
    }
    return M * N <= SPLIT_SIZE && K >= 2 * STEPS_PER_RANGE ? run_split(p) : run_tiles(p);
}

#else

bool has_bf16_products() { return false; }
bool gemm_bf16(int64_t, int64_t, int64_t, HalfMatrix, HalfMatrix, const float*, bool, HalfResult) { return false; }

#endif

}  // namespace rushlight
