// Depthwise convolution: each channel has its own weights, so there is no matrix to multiply. Pixels are the outer
// loops and channels, side by side in memory, the inner one: the whole of a pixel's neighbourhood comes from the cache.
#include <vector>

#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"

namespace rushlight {
namespace {

constexpr int VECTORS = 4;      // of channels in registers at a time
constexpr int64_t RANGES = 16;  // into which the pixels are cut for the weight's gradient

// Along one dimension: which places of the source each place of the target adds up, and through which tap.
struct Reach {
    int64_t tap, source;
};
using Axis = std::vector<std::vector<Reach>>;

// o sees o stride + t dilation - pad.
Axis forward_axis(int64_t targets, int64_t sources, int64_t taps, int64_t stride, int64_t pad, int64_t dilation) {
    Axis axis(static_cast<size_t>(targets));
    for (int64_t o = 0; o < targets; o++)
        for (int64_t t = 0; t < taps; t++) {
            const int64_t i = o * stride + t * dilation - pad;
            if (i >= 0 && i < sources) axis[size_t(o)].push_back({t, i});
        }
    return axis;
}

// The same relation from the side of what is seen.
Axis turned(const Axis& forward, int64_t targets) {
    Axis axis(static_cast<size_t>(targets));
    for (size_t o = 0; o < forward.size(); o++)
        for (const Reach& reach : forward[o]) axis[size_t(reach.source)].push_back({reach.tap, int64_t(o)});
    return axis;
}

// What one target pixel adds up.
struct Neighbourhood {
    const std::vector<Reach>&rows, &columns;
    int64_t row, column, taps_across;  // distances in the source; taps per row of the weight
};

// V vectors of channels of one pixel; the last of them holds `lanes` channels. weight is (taps, C).
template <int V>
void add_up(const Neighbourhood& near, const float* source, const float* weight, int64_t C, const float* bias,
            int lanes, float* to) {
    vf sum[V];
    for (int v = 0; v < V; v++) sum[v] = bias ? load_first(bias + v * W, v == V - 1 ? lanes : W) : vf{};
    for (const Reach& r : near.rows)
        for (const Reach& q : near.columns) {
            const float* x = source + r.source * near.row + q.source * near.column;
            const float* w = weight + (r.tap * near.taps_across + q.tap) * C;
            for (int v = 0; v < V - 1; v++) sum[v] = multiply_add(load(x + v * W), load(w + v * W), sum[v]);
            sum[V - 1] =
                multiply_add(load_first(x + (V - 1) * W, lanes), load_first(w + (V - 1) * W, lanes), sum[V - 1]);
        }
    for (int v = 0; v < V - 1; v++) store(to + v * W, sum[v]);
    store_first(to + (V - 1) * W, sum[V - 1], lanes);
}

void add_up_pixel(const Neighbourhood& near, const float* source, const float* weight, int64_t C, const float* bias,
                  float* to) {
    int64_t c = 0;
    for (; c + VECTORS * W <= C; c += VECTORS * W)
        add_up<VECTORS>(near, source + c, weight + c, C, bias ? bias + c : nullptr, W, to + c);
    for (; c < C; c += W)
        add_up<1>(near, source + c, weight + c, C, bias ? bias + c : nullptr, int(min(W, C - c)), to + c);
}

// target[n, h, w, c] = bias[c] + what (h, w) reaches in source (N, SH, SW, C)
void gather_images(const Axis& rows, const Axis& columns, int64_t N, int64_t C, int64_t SH, int64_t SW, int64_t KW,
                   const float* source, const float* weight, const float* bias, float* target) {
    const int64_t H = int64_t(rows.size()), width = int64_t(columns.size());
    parallel_for(N * H, 1 + 32768 / (width * C), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            for (int64_t w = 0; w < width; w++) {
                const Neighbourhood near{rows[size_t(i % H)], columns[size_t(w)], SW * C, C, KW};
                add_up_pixel(near, source + i / H * SH * SW * C, weight, C, bias, target + (i * width + w) * C);
            }
    });
}

// sum_i a[i * a_step] * b[i * b_step] of `lanes` channels
vf dot(const float* a, int64_t a_step, const float* b, int64_t b_step, int64_t n, int lanes) {
    vf sum[4] = {};
    for (int64_t i = 0; i < n; i++)
        sum[i % 4] = multiply_add(load_first(a + i * a_step, lanes), load_first(b + i * b_step, lanes), sum[i % 4]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// partial (taps, C) += one row of the output against the row of x that tap row kh sees.
void add_row(const ConvShape& s, int64_t C, const float* grad, const float* x, int64_t kh, float* partial) {
    for (int64_t kw = 0; kw < s.KW; kw++) {
        const int64_t shift = kw * s.dilation_w - s.pad_w;
        const int64_t begin = min(s.OW, ceil_div(max(0, -shift), s.stride_w));
        const int64_t end = max(begin, min(s.OW, (s.W - 1 - shift + s.stride_w) / s.stride_w));
        float* sum = partial + (kh * s.KW + kw) * C;
        for (int64_t c = 0; c < C && begin < end; c += W) {
            const int lanes = int(min(W, C - c));
            const vf part = dot(grad + begin * C + c, C, x + (begin * s.stride_w + shift) * C + c, s.stride_w * C,
                                end - begin, lanes);
            store_first(sum + c, load_first(sum + c, lanes) + part, lanes);
        }
    }
}

// (R, C) -> (C, R)
void turn(const float* from, int64_t R, int64_t C, float* to) { copy_transposed(from, C, R, C, to, R); }

}  // namespace

bool depthwise_forward(const ConvShape& s, const float* x, const float* weight, const float* bias, float* y) {
    const int64_t C = s.groups, taps = s.KH * s.KW;
    float* by_tap = scratch(Slot::tiles, size_t(taps * C));
    if (!by_tap) return false;
    turn(weight, C, taps, by_tap);
    const Axis rows = forward_axis(s.OH, s.H, s.KH, s.stride_h, s.pad_h, s.dilation_h);
    const Axis columns = forward_axis(s.OW, s.W, s.KW, s.stride_w, s.pad_w, s.dilation_w);
    gather_images(rows, columns, s.N, C, s.H, s.W, s.KW, x, by_tap, bias, y);
    return true;
}

bool depthwise_backward_input(const ConvShape& s, const float* grad, const float* weight, float* dx) {
    const int64_t C = s.groups, taps = s.KH * s.KW;
    float* by_tap = scratch(Slot::tiles, size_t(taps * C));
    if (!by_tap) return false;
    turn(weight, C, taps, by_tap);
    const Axis rows = turned(forward_axis(s.OH, s.H, s.KH, s.stride_h, s.pad_h, s.dilation_h), s.H);
    const Axis columns = turned(forward_axis(s.OW, s.W, s.KW, s.stride_w, s.pad_w, s.dilation_w), s.W);
    gather_images(rows, columns, s.N, C, s.OH, s.OW, s.KW, grad, by_tap, nullptr, dx);
    return true;
}

bool depthwise_backward_weight(const ConvShape& s, const float* grad, const float* x, float* dweight) {
    const int64_t C = s.groups, size = s.KH * s.KW * C, rows = s.N * s.OH, ranges = min(RANGES, rows);
    float* partial = scratch(Slot::input, size_t((ranges + 1) * size));
    if (!partial) return false;
    const double work = 2.0 * double(rows * s.OW) * double(size) / double(ranges);
    parallel_for(ranges, max(1, int64_t(2e5 / work)), [&](int64_t begin, int64_t end) {
        for (int64_t range = begin; range < end; range++) {
            float* own = partial + range * size;
            for (int64_t i = 0; i < size; i++) own[i] = 0;
            for (int64_t row = rows * range / ranges; row < rows * (range + 1) / ranges; row++)
                for (int64_t kh = 0; kh < s.KH; kh++) {
                    const int64_t n = row / s.OH, h = row % s.OH * s.stride_h + kh * s.dilation_h - s.pad_h;
                    if (h >= 0 && h < s.H) add_row(s, C, grad + row * s.OW * C, x + (n * s.H + h) * s.W * C, kh, own);
                }
        }
    });
    float* total = partial + ranges * size;
    column_sums(partial, ranges, size, total);
    turn(total, s.KH * s.KW, C, dweight);
    return true;
}

}  // namespace rushlight
