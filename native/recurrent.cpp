// Recurrent layers over a whole sequence: LSTM, GRU and the plain RNN. The sequences of a batch do not depend on one
// another, so each thread takes some of them and walks through all of time without waiting for others. At each step the
// hidden states of its sequences (few rows) are multiplied by the packed weight, and a pass over the products, still in
// the nearest caches, applies the gates. Backward the same, from the last step to the first: the pass gives the
// gradients of the gates, and their product with the weight is what reaches the hidden states before.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"
#include "vmath.h"

namespace rushlight {
namespace {

constexpr int64_t K_BLOCK = 512;             // steps of K between visits of the products
constexpr int64_t ROWS = 5 * MR;             // sequences that one walk takes at most
constexpr int64_t PANELS_OF_A_ROW = 4;       // that one row is multiplied by together
constexpr int64_t FEWEST_ROWS = 2 * MR / 3;  // and at least, if there are as many: fewer make poor use of the weight

float* at(const Steps& s, int64_t t, int64_t n) { return s.data + t * s.step + n * s.row; }

// --- products --------------------------------------------------------------------------------------------------------

// A weight in panels, K rows and `columns` columns.
struct Weight {
    const float* panels;
    int64_t K, columns;
};

bool pack(Matrix b, int64_t K, int64_t columns, Weight* weight) {
    const int64_t count = ceil_div(columns, NR);
    float* panels = scratch(Slot::panels, size_t(count * NR * K));
    if (!panels) return false;
    parallel_for(count, 1 + (1 << 15) / (NR * K), [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            pack_panel(b.at(0, i * NR), K, int(min(NR, columns - i * NR)), NR, panels + i * NR * K);
    });
    *weight = {panels, K, columns};
    return true;
}

// c (columns,) = a (K,) weight, or += if add, several panels at a time: sums of one alone would wait for one another.
void multiply_row(const float* a, const Weight& b, float* c, bool add) {
    for (int64_t n = 0; n < b.columns; n += PANELS_OF_A_ROW * NR) {
        const float* panels[PANELS_OF_A_ROW];
        for (int64_t p = 0; p < PANELS_OF_A_ROW; p++)  // beyond the last one: the last once more
            panels[p] = b.panels + min(n + p * NR, (b.columns - 1) / NR * NR) * b.K;
        vf sum[PANELS_OF_A_ROW][NV] = {};
        for (int64_t k = 0; k < b.K; k++)
            for (int64_t p = 0; p < PANELS_OF_A_ROW; p++)
                for (int v = 0; v < NV; v++)
                    sum[p][v] = multiply_add(broadcast(a[k]), load(panels[p] + k * NR + v * W), sum[p][v]);
        for (int64_t i = 0; i < PANELS_OF_A_ROW * NV && n + i * W < b.columns; i++) {
            float* to = c + n + i * W;
            const int lanes = int(min(W, b.columns - n - i * W));
            const vf total = sum[i / NV][i % NV];
            store_first(to, add ? total + load_first(to, lanes) : total, lanes);
        }
    }
}

// c (rows, columns) = a (rows, K) weight, or += if add.
void multiply(const Rows& a, const Weight& b, float* c, bool add) {
    if (a.count == 1) return multiply_row(a.block.data, b, c, add);
    const int64_t blocks = ceil_div(b.K, K_BLOCK);
    for (int64_t i = 0; i < blocks; i++) {
        const int64_t k = b.K * i / blocks, steps = b.K * (i + 1) / blocks - k;
        const Rows part{a.block.at(0, k), a.count};
        for (int64_t n = 0; n < b.columns; n += NR) {
            const Tile tile{c + n, b.columns, 0, n, int(min(NR, b.columns - n)), add || i > 0};
            run_strips(steps, part, b.panels + n * b.K + k * NR, NR, tile, KEEP);
        }
    }
}

// Copies rows to a distance at which they do not share sets of the L1 cache.
Rows gather(const Steps& s, int64_t t, int64_t first, int64_t rows, int64_t columns, float* to) {
    for (int64_t r = 0; r < rows; r++)
        std::memcpy(to + r * (columns + W), at(s, t, first + r), size_t(columns) * sizeof(float));
    return {{to, columns + W, 1}, rows};
}

// --- walks through time ----------------------------------------------------------------------------------------------

int64_t rows_of_a_walk(int64_t N) {
    const int64_t share = ceil_div(N, get_num_threads()), walks = ceil_div(N, min(ROWS, max(share, FEWEST_ROWS)));
    return ceil_div(N, walks);
}

// For t = 0 .. L - 1 calls cell(t, n, h w_hh^T) for each sequence n, which puts the next h into y.
template <class Cell>
bool walk_forward(const RecurrentShape& s, const float* h0, const float* w_hh, const Steps& y, const Cell& cell) {
    Weight weight;
    if (!pack({w_hh, 1, s.H}, s.H, s.gates * s.H, &weight)) return false;
    std::atomic<bool> whole{true};
    const Steps start{const_cast<float*>(h0), 0, s.H};
    parallel_for(s.N, rows_of_a_walk(s.N), [&](int64_t begin, int64_t end) {
        const int64_t rows = end - begin;
        float *states = scratch(Slot::rows, size_t(rows * (s.H + W))),
              *products = scratch(Slot::tiles, size_t(rows * weight.columns));
        if (!states || !products) return whole.store(false);
        for (int64_t t = 0; t < s.L; t++) {
            const Rows h =
                t == 0 ? gather(start, 0, begin, rows, s.H, states) : gather(y, t - 1, begin, rows, s.H, states);
            multiply(h, weight, products, false);
            for (int64_t r = 0; r < rows; r++) cell(t, begin + r, products + r * weight.columns);
        }
    });
    return whole;
}

// For t = L - 1 .. 0 calls cell(t, n, dh) for each sequence n, which makes the gradients of the gates out of dh, what
// arrives at h from later steps, and leaves in dh what goes to the h before directly; dgates w_hh is added to that.
template <class Cell>
bool walk_backward(const RecurrentShape& s, const float* w_hh, const Steps& dgates, float* dh0, const Cell& cell) {
    Weight weight;
    if (!pack({w_hh, s.H, 1}, s.gates * s.H, s.H, &weight)) return false;
    std::atomic<bool> whole{true};
    parallel_for(s.N, rows_of_a_walk(s.N), [&](int64_t begin, int64_t end) {
        const int64_t rows = end - begin;
        float *dh = dh0 + begin * s.H, *slopes = scratch(Slot::rows, size_t(rows * (weight.K + W)));
        if (!slopes) return whole.store(false);
        std::fill(dh, dh + rows * s.H, 0.0f);
        for (int64_t t = s.L - 1; t >= 0; t--) {
            for (int64_t r = 0; r < rows; r++) cell(t, begin + r, dh + r * s.H);
            multiply(gather(dgates, t, begin, rows, weight.K, slopes), weight, dh, true);
        }
    });
    return whole;
}

// f(j, get, set) over the units 0 .. H: get(p) reads p[j] ... and set(p, v) writes there.
template <class F>
void for_units(int64_t H, const F& f) {
    int64_t j = 0;
    for (; j + W <= H; j += W) f([=](const float* p) { return load(p + j); }, [=](float* p, vf v) { store(p + j, v); });
    const int rest = int(H - j);
    if (rest > 0)
        f([=](const float* p) { return load_first(p + j, rest); },
          [=](float* p, vf v) { store_first(p + j, v, rest); });
}

Steps dense(float* data, int64_t N, int64_t columns) { return {data, N * columns, columns}; }
Steps dense(const float* data, int64_t N, int64_t columns) { return dense(const_cast<float*>(data), N, columns); }

}  // namespace

// --- LSTM ------------------------------------------------------------------------------------------------------------

bool lstm_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* c0, const float* w_hh,
                  const float* b_hh, float* y, float* gates, float* cells) {
    const int64_t N = s.N, H = s.H;
    const Steps ys = dense(y, N, H), all_gates = dense(gates, N, 4 * H), all_cells = dense(cells, N, H);
    return walk_forward(s, h0, w_hh, ys, [&](int64_t t, int64_t n, const float* product) {
        const float *before = t ? at(all_cells, t - 1, n) : c0 + n * H, *in = at(x, t, n);
        float *gate = at(all_gates, t, n), *c = at(all_cells, t, n), *h = at(ys, t, n);
        for_units(H, [=](auto get, auto set) {
            const auto sum = [=](int64_t k) {
                const vf z = get(in + k * H) + get(product + k * H);
                return b_hh ? z + get(b_hh + k * H) : z;
            };
            const vf i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = tanh(sum(2)), o = sigmoid(sum(3));
            const vf cell = f * get(before) + i * g;
            set(gate, i);
            set(gate + H, f);
            set(gate + 2 * H, g);
            set(gate + 3 * H, o);
            set(c, cell);
            set(h, o * tanh(cell));
        });
    });
}

bool lstm_backward(const RecurrentShape& s, const Steps& grad, const float* arriving, const int64_t* last,
                   const float* c0, const float* w_hh, const float* gates, const float* cells, float* dx, float* dhs,
                   float* dh0, float* dc0) {
    const int64_t N = s.N, H = s.H;
    const Steps all_gates = dense(gates, N, 4 * H), all_cells = dense(cells, N, H), dxs = dense(dx, N, 4 * H),
                all_dhs = dense(dhs, N, H);
    std::fill(dc0, dc0 + N * H, 0.0f);
    return walk_backward(s, w_hh, dxs, dh0, [&](int64_t t, int64_t n, float* dh) {
        const float *gate = at(all_gates, t, n), *c = at(all_cells, t, n),
                    *before = t ? at(all_cells, t - 1, n) : c0 + n * H;
        const float *g_in = at(grad, t, n), *dc_in = (last ? last[n] : s.L - 1) == t ? arriving + n * H : nullptr;
        float *out = at(dxs, t, n), *reached = at(all_dhs, t, n), *carried = dc0 + n * H;
        for_units(H, [=](auto get, auto set) {
            const vf i = get(gate), f = get(gate + H), g = get(gate + 2 * H), o = get(gate + 3 * H),
                     tanh_c = tanh(get(c));
            const vf up = get(dh) + get(g_in);
            vf dc = get(carried);
            if (dc_in) dc += get(dc_in);
            dc += up * o * (1.0f - tanh_c * tanh_c);
            set(reached, up);
            set(out, dc * g * i * (1.0f - i));
            set(out + H, dc * get(before) * f * (1.0f - f));
            set(out + 2 * H, dc * i * (1.0f - g * g));
            set(out + 3 * H, up * tanh_c * o * (1.0f - o));
            set(carried, dc * f);
            set(dh, vf{});
        });
    });
}

// --- GRU -------------------------------------------------------------------------------------------------------------

bool gru_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* w_hh, const float* b_hh,
                 float* y, float* gates, float* hidden) {
    const int64_t N = s.N, H = s.H;
    const Steps ys = dense(y, N, H), all_gates = dense(gates, N, 3 * H), all_hidden = dense(hidden, N, H);
    return walk_forward(s, h0, w_hh, ys, [&](int64_t t, int64_t n, const float* product) {
        const float *before = t ? at(ys, t - 1, n) : h0 + n * H, *in = at(x, t, n);
        float *gate = at(all_gates, t, n), *m_out = at(all_hidden, t, n), *h = at(ys, t, n);
        for_units(H, [=](auto get, auto set) {
            const auto recurrent = [=](int64_t k) {
                return b_hh ? get(product + k * H) + get(b_hh + k * H) : get(product + k * H);
            };
            const vf m = recurrent(2), r = sigmoid(get(in) + recurrent(0)), z = sigmoid(get(in + H) + recurrent(1));
            const vf new_gate = tanh(get(in + 2 * H) + r * m);
            set(gate, r);
            set(gate + H, z);
            set(gate + 2 * H, new_gate);
            set(m_out, m);
            set(h, new_gate + z * (get(before) - new_gate));
        });
    });
}

bool gru_backward(const RecurrentShape& s, const Steps& grad, const float* h0, const float* w_hh, const float* y,
                  const float* gates, const float* hidden, float* dx, float* dproducts, float* dh0) {
    const int64_t N = s.N, H = s.H;
    const Steps ys = dense(y, N, H), all_gates = dense(gates, N, 3 * H), all_hidden = dense(hidden, N, H);
    const Steps dxs = dense(dx, N, 3 * H), all_dproducts = dense(dproducts, N, 3 * H);
    return walk_backward(s, w_hh, all_dproducts, dh0, [&](int64_t t, int64_t n, float* dh) {
        const float *gate = at(all_gates, t, n), *m = at(all_hidden, t, n), *before = t ? at(ys, t - 1, n) : h0 + n * H,
                    *g_in = at(grad, t, n);
        float *out = at(dxs, t, n), *dproduct = at(all_dproducts, t, n);
        for_units(H, [=](auto get, auto set) {
            const vf r = get(gate), z = get(gate + H), new_gate = get(gate + 2 * H), up = get(dh) + get(g_in);
            const vf dn = up * (1.0f - z) * (1.0f - new_gate * new_gate),
                     dz = up * (get(before) - new_gate) * z * (1.0f - z);
            const vf dr = dn * get(m) * r * (1.0f - r);
            set(out, dr);
            set(out + H, dz);
            set(out + 2 * H, dn);
            set(dproduct, dr);
            set(dproduct + H, dz);
            set(dproduct + 2 * H, dn * r);
            set(dh, up * z);
        });
    });
}

// --- plain RNN -------------------------------------------------------------------------------------------------------

namespace {

template <class Activation>
bool plain_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* w_hh, const float* b_hh,
                   float* y, const Activation& activate) {
    const Steps ys = dense(y, s.N, s.H);
    return walk_forward(s, h0, w_hh, ys, [&](int64_t t, int64_t n, const float* product) {
        const float* in = at(x, t, n);
        float* h = at(ys, t, n);
        for_units(s.H, [=](auto get, auto set) {
            const vf z = get(in) + get(product);
            set(h, activate(b_hh ? z + get(b_hh) : z));
        });
    });
}

template <class Slope>
bool plain_backward(const RecurrentShape& s, const Steps& grad, const float* w_hh, const float* y, float* dx,
                    float* dh0, const Slope& slope) {
    const Steps ys = dense(y, s.N, s.H), dxs = dense(dx, s.N, s.H);
    return walk_backward(s, w_hh, dxs, dh0, [&](int64_t t, int64_t n, float* dh) {
        const float *h = at(ys, t, n), *g_in = at(grad, t, n);
        float* out = at(dxs, t, n);
        for_units(s.H, [=](auto get, auto set) {
            set(out, slope(get(h), get(dh) + get(g_in)));
            set(dh, vf{});
        });
    });
}

}  // namespace

bool rnn_tanh_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* w_hh, const float* b_hh,
                      float* y) {
    return plain_forward(s, x, h0, w_hh, b_hh, y, [](vf z) { return tanh(z); });
}
bool rnn_relu_forward(const RecurrentShape& s, const Steps& x, const float* h0, const float* w_hh, const float* b_hh,
                      float* y) {
    return plain_forward(s, x, h0, w_hh, b_hh, y, [](vf z) { return select(z <= 0.0f, vf{}, z); });
}
bool rnn_tanh_backward(const RecurrentShape& s, const Steps& grad, const float* w_hh, const float* y, float* dx,
                       float* dh0) {
    return plain_backward(s, grad, w_hh, y, dx, dh0, [](vf h, vf up) { return up * (1.0f - h * h); });
}
bool rnn_relu_backward(const RecurrentShape& s, const Steps& grad, const float* w_hh, const float* y, float* dx,
                       float* dh0) {
    return plain_backward(s, grad, w_hh, y, dx, dh0, [](vf h, vf up) { return select(h > 0.0f, up, 0.0f * up); });
}

}  // namespace rushlight
