// Attention, one head at a time. A strip of queries (the rows of one micro-kernel) is multiplied by the keys, its
// scores become weights while they are in the nearest cache, and the weights are multiplied by the values. Only the
// log-sum-exp of each row is kept; the backward pass makes the weights again. With a causal mask no strip looks at
// panels of keys that are hidden from all its queries. Queries, keys and values are read in place, at any distance
// between rows.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"
#include "vmath.h"

namespace rushlight {
namespace {

constexpr double RANGE_WORK = 2e6;       // flops worth a range of parallel_for
constexpr int64_t BLOCK_SIZE = 1 << 15;  // weights that the backward pass holds at a time, about
constexpr int64_t BLOCK_STRIPS = 4;      // but at least those of so many strips

// One head's matrix: row r begins at data + r * row, its entries lie side by side.
Matrix head_of(const HeadRows& rows, int64_t head) { return {rows.data + rows.begin[head], rows.row, 1}; }
float* row_of(const HeadRows& rows, int64_t head, int64_t r) { return rows.data + rows.begin[head] + r * rows.row; }

// How many keys the queries before `end` see.
int64_t visible(const AttentionShape& s, int64_t end) { return s.causal ? min(end, s.S) : s.S; }

// Floats between rows of scores: whole panels, and never a power of two, at which rows would share a set of L1.
int64_t score_row(const AttentionShape& s) { return ceil_div(s.S, NR) * NR + W; }

int64_t range_of_heads(const AttentionShape& s, double products) {
    return 1 + int64_t(RANGE_WORK / (products * 2 * double(s.L) * double(s.S) * double(s.D)));
}

// --- products ------------------------------------------------------------------------------------------------------

// The right operand of a product, NR columns at a time: panels `panel` floats apart, steps `row` floats apart.
struct Panels {
    const float* data;
    int64_t panel, row;
};

int64_t panels_room(int64_t steps, int64_t columns) { return ceil_div(columns, NR) * NR * steps; }

Panels pack_panels(Matrix b, int64_t steps, int64_t columns, float* to) {
    for (int64_t n = 0; n < columns; n += NR)
        pack_panel(b.at(0, n), steps, int(min(NR, columns - n)), NR, to + n * steps);
    return {to, NR * steps, NR};
}

// Rows of whole vectors are read in place.
Panels panels_of_rows(Matrix b, int64_t steps, int64_t columns, float* room) {
    return columns % W ? pack_panels(b, steps, columns, room) : Panels{b.data, NR, b.row};
}

// c[r, n] = sum_k a[r, k] b[k, n] (+ c[r, n] if add) for at most MR rows.
void multiply_strip(int64_t steps, Matrix a, int64_t rows, const Panels& b, int64_t columns, float* c, int64_t c_row,
                    bool add) {
    for (int64_t n = 0; n < columns; n += NR) {
        const Tile tile{c + n, c_row, 0, n, int(min(NR, columns - n)), add};
        run_strips(steps, Rows{a, rows}, b.data + n / NR * b.panel, b.row, tile, KEEP);
    }
}

float dot(const float* a, const float* b, int64_t n) {
    vf total{};
    int64_t i = 0;
    for (; i + W <= n; i += W) total += load(a + i) * load(b + i);
    if (i < n) total += load_first(a + i, int(n - i)) * load_first(b + i, int(n - i));
    return sum(total);
}

void fill(float* to, int64_t n, float value) { std::fill(to, to + n, value); }

// --- forward ---------------------------------------------------------------------------------------------------------

// Turns the first `seen` of `count` scores into e^(scale score - top), the rest into 0; gives their sum and top. Rows
// of scores may be written up to the next whole vector.
struct RowSum {
    float top, total;
};

RowSum exponentiate(float* row, int64_t seen, int64_t count, float scale) {
    vf high = broadcast(-INFINITY), total{};
    for (int64_t j = 0; j < seen; j += W) {
        const vf v = load(row + j) * scale;
        high = max_nan(j + W <= seen ? v : select(lanes() < int32_t(seen - j), v, high), high);
    }
    const float top = max(high);
    for (int64_t j = 0; j < seen; j += W) {
        vf p = exp_to_one(load(row + j) * scale - top);
        if (j + W > seen) p = select(lanes() < int32_t(seen - j), p, vf{});
        store(row + j, p);
        total += p;
    }
    for (int64_t j = ceil_div(seen, W) * W; j < count; j += W) store(row + j, vf{});
    return {top, sum(total)};
}

void scale_row(float* row, int64_t n, float by) {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(row + i, load(row + i) * by);
    if (i < n) store_first(row + i, load_first(row + i, int(n - i)) * by, int(n - i));
}

struct ForwardRoom {
    float *keys, *values, *scores;

    explicit ForwardRoom(const AttentionShape& s) {
        const int64_t first = panels_room(s.D, s.S);
        keys = scratch(Slot::panels, size_t(first + panels_room(s.S, s.E)));
        values = keys + first;
        scores = scratch(Slot::tiles, size_t(MR * score_row(s)));
    }
    bool whole() const { return keys && scores; }
};

void forward_head(const AttentionShape& s, Matrix q, Matrix k, Matrix v, float* y, int64_t y_row, float* lse,
                  const ForwardRoom& room) {
    const Panels keys = pack_panels(k.transposed(), s.D, s.S, room.keys),
                 values = panels_of_rows(v, s.S, s.E, room.values);
    const int64_t p_row = score_row(s);
    const Rows strips{q, s.L};
    for (int64_t i = 0; i < strips.strips(); i++) {
        const int64_t begin = strips.begin(i), rows = strips.height(i), count = visible(s, begin + rows);
        multiply_strip(s.D, strips.strip(i), rows, keys, count, room.scores, p_row, false);
        float total[MR];
        for (int64_t r = 0; r < rows; r++) {
            const RowSum sum = exponentiate(room.scores + r * p_row, visible(s, begin + r + 1), count, s.scale);
            lse[begin + r] = sum.top + std::log(sum.total);
            total[r] = sum.total;
        }
        float* out = y + begin * y_row;
        multiply_strip(count, {room.scores, p_row, 1}, rows, values, s.E, out, y_row, false);
        for (int64_t r = 0; r < rows; r++) scale_row(out + r * y_row, s.E, 1.0f / total[r]);
    }
}

// --- backward --------------------------------------------------------------------------------------------------------

// One head's operands, and its share of the scratch memory.
struct BackwardHead {
    Matrix grad, q, k, v, y;
    const float* lse;
    float *dq, *dk, *dv;
    int64_t dq_row, dk_row, dv_row;
};

struct BackwardRoom {
    int64_t block;  // queries whose weights are held at a time
    float *keys, *values, *key_rows, *queries, *grads, *weights, *slopes;

    explicit BackwardRoom(const AttentionShape& s) {
        const int64_t row = score_row(s), strips = max(BLOCK_STRIPS, BLOCK_SIZE / (row * MR));
        block = min(s.L, strips * MR);
        const int64_t sizes[] = {panels_room(s.D, s.S), panels_room(s.E, s.S), panels_room(s.S, s.D),
                                 panels_room(block, s.D), panels_room(block, s.E)};
        float** const parts[] = {&keys, &values, &key_rows, &queries, &grads};
        int64_t total = 0;
        for (int64_t size : sizes) total += size;
        float* memory = scratch(Slot::panels, size_t(total));
        for (int i = 0; i < 5; memory += sizes[i++]) *parts[i] = memory;
        weights = scratch(Slot::tiles, size_t(2 * block * row));
        slopes = weights + block * row;
    }
    bool whole() const { return keys && weights; }
};

// Scores become weights p, and the gradient of the weights that of the scores: p (dp - delta) scale; both 0 beyond
// `seen`.
void differentiate(float* p, float* dp, int64_t seen, int64_t count, float scale, float lse, float delta) {
    for (int64_t j = 0; j < seen; j += W) {
        vf weight = exp_to_one(load(p + j) * scale - lse), slope = weight * (load(dp + j) - delta) * scale;
        if (j + W > seen) {
            weight = select(lanes() < int32_t(seen - j), weight, vf{});
            slope = select(lanes() < int32_t(seen - j), slope, vf{});
        }
        store(p + j, weight);
        store(dp + j, slope);
    }
    for (int64_t j = ceil_div(seen, W) * W; j < count; j += W) {
        store(p + j, vf{});
        store(dp + j, vf{});
    }
}

// c[key, n] (+)= sum over the block's queries of weights[query, key] b[query, n]; a causal mask lets key j be seen by
// queries from j on only.
void multiply_by_keys(const AttentionShape& s, int64_t begin, int64_t end, const float* weights, const Panels& b,
                      int64_t columns, float* c, int64_t c_row, bool add) {
    const int64_t row = score_row(s);
    const Rows strips{{weights, 1, row}, visible(s, end)};
    for (int64_t i = 0; i < strips.strips(); i++) {
        const int64_t key = strips.begin(i), skip = s.causal ? max(0, key - begin) : 0;
        const Panels seen{b.data + skip * b.row, b.panel, b.row};
        multiply_strip(end - begin - skip, strips.strip(i).at(0, skip), strips.height(i), seen, columns,
                       c + key * c_row, c_row, add);
    }
}

// The queries begin .. end: their dq, and their part of dk and dv.
void backward_block(const AttentionShape& s, const BackwardHead& h, const Panels& keys, const Panels& values,
                    const Panels& key_rows, int64_t begin, int64_t end, bool add, const BackwardRoom& room) {
    const int64_t row = score_row(s), width = visible(s, end);
    const Rows strips{h.q.at(begin, 0), end - begin};
    for (int64_t i = 0; i < strips.strips(); i++) {
        const int64_t at = strips.begin(i), first = begin + at, rows = strips.height(i),
                      count = visible(s, first + rows);
        float *p = room.weights + at * row, *dp = room.slopes + at * row;
        multiply_strip(s.D, strips.strip(i), rows, keys, count, p, row, false);
        multiply_strip(s.E, h.grad.at(first, 0), rows, values, count, dp, row, false);
        for (int64_t r = 0; r < rows; r++) {
            const float delta = dot(h.grad.at(first + r, 0).data, h.y.at(first + r, 0).data, s.E);
            differentiate(p + r * row, dp + r * row, visible(s, first + r + 1), width, s.scale, h.lse[first + r],
                          delta);
        }
        multiply_strip(count, {dp, row, 1}, rows, key_rows, s.D, h.dq + first * h.dq_row, h.dq_row, false);
    }
    const Panels queries = panels_of_rows(h.q.at(begin, 0), end - begin, s.D, room.queries);
    const Panels grads = panels_of_rows(h.grad.at(begin, 0), end - begin, s.E, room.grads);
    multiply_by_keys(s, begin, end, room.slopes, queries, s.D, h.dk, h.dk_row, add);
    multiply_by_keys(s, begin, end, room.weights, grads, s.E, h.dv, h.dv_row, add);
}

// From the last block, which sees all keys that are seen at all, to the first.
void backward_head(const AttentionShape& s, const BackwardHead& h, const BackwardRoom& room) {
    const Panels keys = pack_panels(h.k.transposed(), s.D, s.S, room.keys),
                 values = pack_panels(h.v.transposed(), s.E, s.S, room.values);
    const Panels key_rows = panels_of_rows(h.k, s.S, s.D, room.key_rows);
    for (int64_t j = visible(s, s.L); j < s.S; j++) {
        fill(h.dk + j * h.dk_row, s.D, 0.0f);
        fill(h.dv + j * h.dv_row, s.E, 0.0f);
    }
    const int64_t blocks = ceil_div(s.L, room.block);
    for (int64_t i = blocks - 1; i >= 0; i--)
        backward_block(s, h, keys, values, key_rows, s.L * i / blocks, s.L * (i + 1) / blocks, i < blocks - 1, room);
}

}  // namespace

bool attention_forward(const AttentionShape& s, const HeadRows& q, const HeadRows& k, const HeadRows& v,
                       const HeadRows& y, float* lse) {
    std::atomic<bool> whole{true};
    parallel_for(s.heads, range_of_heads(s, 2), [&](int64_t begin, int64_t end) {
        const ForwardRoom room(s);
        if (!room.whole()) return whole.store(false);
        for (int64_t h = begin; h < end; h++)
            forward_head(s, head_of(q, h), head_of(k, h), head_of(v, h), row_of(y, h, 0), y.row, lse + h * s.L, room);
    });
    return whole;
}

bool attention_backward(const AttentionShape& s, const HeadRows& grad, const HeadRows& q, const HeadRows& k,
                        const HeadRows& v, const HeadRows& y, const float* lse, const HeadRows& dq, const HeadRows& dk,
                        const HeadRows& dv) {
    std::atomic<bool> whole{true};
    parallel_for(s.heads, range_of_heads(s, 5), [&](int64_t begin, int64_t end) {
        const BackwardRoom room(s);
        if (!room.whole()) return whole.store(false);
        for (int64_t h = begin; h < end; h++)
            backward_head(s,
                          {head_of(grad, h), head_of(q, h), head_of(k, h), head_of(v, h), head_of(y, h), lse + h * s.L,
                           row_of(dq, h, 0), row_of(dk, h, 0), row_of(dv, h, 0), dq.row, dk.row, dv.row},
                          room);
    });
    return whole;
}

}  // namespace rushlight
