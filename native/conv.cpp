// Convolution of channels-last images as matrix products. Each pass gathers, for a block of some hundred pixels, the
// stretches of the source that the taps see into the rows of a matrix small enough for the L2 cache, and multiplies it
// by panels of the weight with the micro-kernel of gemm:
//
//     forward          y[pixel, o]       = sum over (tap, c) of x[seen(pixel, tap), c]     weight[o, c, tap]
//     backward input   dx[pixel, c]      = sum over (tap, o) of grad[seen(pixel, tap), o]  weight[o, c, tap]
//     backward weight  dweight[tap, c, o] = sum over pixels of  x[seen(pixel, tap), c]     grad[pixel, o]
//
// The input's gradient sees through the taps backwards: pixel i of dx is reached from output o where
// o stride + tap dilation - pad = i. So with a stride s the pixels of dx fall into s x s lattices, each with the taps
// that reach it. First layers (few channels, stored plane by plane) gather rows of the planes instead of pixels.
#include <atomic>
#include <vector>

#include "gather.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"

namespace rushlight {
namespace {

constexpr int64_t BLOCK = 10 * MR;       // pixels that are gathered at a time
constexpr int64_t WEIGHT_BLOCK = 192;    // the same for the weight's gradient, where pixels are the steps
constexpr int64_t WEIGHT_COLUMNS = 256;  // columns of the weight's gradient that one range works on
constexpr int64_t RANGES = 16;           // into which the pixels are cut for the weight's gradient, if it is small
constexpr int64_t FEW_CHANNELS = 4;

// --- the weight as panels -------------------------------------------------------------------------------------------

// One group's weight (O, C, T).
struct Weight {
    const float* data;
    int64_t O, C, T;
};

// The position of each tap of the weight in a list of taps; -1: it is not there.
std::vector<int64_t> positions(const std::vector<Tap>& taps, int64_t T) {
    std::vector<int64_t> position(size_t(T), -1);
    for (size_t i = 0; i < taps.size(); i++) position[size_t(taps[i].index)] = int64_t(i);
    return position;
}

int64_t panel_offset(int64_t panel, int64_t steps) { return panel * NR * steps; }

// A panel of the outputs o .. o + columns; steps are (tap, c).
void pack_outputs(const Weight& weight, const std::vector<int64_t>& position, int64_t o, int columns, float* panel) {
    const int64_t K = weight.C * weight.T, width = panel_width(columns);
    for (int v = 0; v < columns; v += W)
        for (int64_t k = 0; k < K; k += W) {
            vf block[W];
            const int count = int(min(W, K - k));
            load_transposed(weight.data + (o + v) * K + k, K, min(W, columns - v), count, block);
            int64_t c = k / weight.T, t = k % weight.T;
            for (int i = 0; i < count; i++) {
                store(panel + (position[size_t(t)] * weight.C + c) * width + v, block[i]);
                if (++t == weight.T) t = 0, c++;
            }
        }
}

// A panel of the inputs c .. c + columns; steps are (tap, o), of the taps that have a position.
void pack_inputs(const Weight& weight, const std::vector<int64_t>& position, int64_t c, int columns, float* panel) {
    const int64_t width = panel_width(columns);
    for (int64_t o = 0; o < weight.O; o++)
        for (int v = 0; v < columns; v += W)
            for (int64_t t = 0; t < weight.T; t += W) {
                vf block[W];
                const int count = int(min(W, weight.T - t));
                const float* from = weight.data + (o * weight.C + c + v) * weight.T + t;
                load_transposed(from, weight.T, min(W, columns - v), count, block);
                for (int i = 0; i < count; i++) {
                    const int64_t at = position[size_t(t + i)];
                    if (at >= 0) store(panel + (at * weight.O + o) * width + v, block[i]);
                }
            }
}

// All panels of `columns` columns (NR each, the last may be narrower), packed by pack(column, columns, panel).
template <class Pack>
float* pack_panels(int64_t columns, int64_t steps, const Pack& pack) {
    const int64_t panels = ceil_div(columns, NR);
    float* packed = scratch(Slot::tiles, size_t(panels * NR * steps));
    if (!packed) return nullptr;
    parallel_for(panels, 1 + 32768 / (NR * steps), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            pack(i * NR, int(min(NR, columns - i * NR)), packed + panel_offset(i, steps));
    });
    return packed;
}

float* panels_of_outputs(const Weight& weight, const std::vector<Tap>& taps) {
    const std::vector<int64_t> position = positions(taps, weight.T);
    return pack_panels(weight.O, weight.C * weight.T, [&](int64_t o, int columns, float* panel) {
        pack_outputs(weight, position, o, columns, panel);
    });
}

float* panels_of_inputs(const Weight& weight, const std::vector<Tap>& taps) {
    const std::vector<int64_t> position = positions(taps, weight.T);
    return pack_panels(weight.C, weight.O * int64_t(taps.size()),
                       [&](int64_t c, int columns, float* panel) { pack_inputs(weight, position, c, columns, panel); });
}

// --- sums over taps: forward and backward input
// -----------------------------------------------------------------------

// Where the product of a block of pixels goes: straight into a dense array of pixels, `row` apart ...
struct DenseTarget {
    float* data;
    int64_t row;

    float* begin(int64_t first, int64_t column, float*) const { return data + first * row + column; }
    int64_t distance(int64_t) const { return row; }
    void finish(const Grid&, int64_t, int64_t, const float*, int64_t, int64_t) const {}
};

// ... or through a buffer to the pixels of a lattice.
struct LatticeTarget {
    float* data;
    int64_t n, h, w;  // distances between the lattice's pixels

    float* begin(int64_t, int64_t, float* buffer) const { return buffer; }
    int64_t distance(int64_t columns) const { return columns; }
    void finish(const Grid& grid, int64_t first, int64_t count, const float* buffer, int64_t column,
                int64_t columns) const {
        Pixel p(grid, first);
        for (int64_t i = 0; i < count; i++, p.next(grid))
            copy(buffer + i * columns, columns, data + p.n * n + p.r * h + p.q * w + column);
    }
};

// Columns column .. column + columns of the pixels first .. first + count.
template <class Source, class Target>
bool multiply_block(const Source& source, const float* panels, int64_t first, int64_t count, int64_t column,
                    int64_t columns, const BiasFloor& epilogue, const Target& target) {
    const int64_t steps = all_steps(source);
    float* gathered = scratch(Slot::rows, size_t(Source::room(BLOCK, most_steps(source))));
    float* buffer = scratch(Slot::output, size_t(BLOCK * columns));
    if (!gathered || !buffer) return false;
    const int64_t c_row = target.distance(columns);
    float* c = target.begin(first, column, buffer);
    for (const Steps& part : source.steps()) {
        const Rows rows{source.gather(first, count, part, gathered), count};
        const bool last = part.k + part.count == steps;
        for (int64_t at = 0; at < columns; at += NR) {
            const int tile_columns = int(min(NR, columns - at)), width = panel_width(tile_columns);
            const float* panel = panels + panel_offset((column + at) / NR, steps) + part.k * width;
            const Tile tile{c + at, c_row, first, column + at, tile_columns, part.k != 0};
            run_strips(part.count, rows, panel, width, tile, last ? epilogue : KEEP);
        }
    }
    target.finish(source.grid, first, count, buffer, column, columns);
    return true;
}

// target[pixel, column] = epilogue(sum over steps of source[pixel, step] panels[step, column])
template <class Source, class Target>
bool multiply(const Source& source, const float* panels, int64_t columns, const BiasFloor& epilogue,
              const Target& target) {
    const int64_t pixels = source.grid.pixels(), blocks = ceil_div(pixels, BLOCK), wanted = 4 * get_num_threads();
    const int64_t across = max(1, min(ceil_div(wanted, blocks), columns / (4 * NR)));
    const int64_t wide = ceil_div(ceil_div(columns, across), NR) * NR;
    const double work = 2.0 * double(BLOCK) * double(wide) * double(all_steps(source));
    std::atomic<bool> whole{true};
    parallel_for(blocks * ceil_div(columns, wide), max(1, int64_t(1e6 / work)), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t block = i % blocks, first = pixels * block / blocks,
                          count = pixels * (block + 1) / blocks - first;
            const int64_t column = i / blocks * wide;
            if (!multiply_block(source, panels, first, count, column, min(wide, columns - column), epilogue, target))
                whole = false;
        }
    });
    return whole;
}

// --- sums over pixels: backward weight
// --------------------------------------------------------------------------------

// partial[k, o] = sum over the pixels begin .. end, for the steps of `part` and some columns o. partial has rows of O.
template <class Source>
bool add_up_pixels(const Source& source, Matrix grad, const Steps& part, int64_t begin, int64_t end, int64_t column,
                   int64_t columns, int64_t O, float* partial) {
    float* gathered = scratch(Slot::rows, size_t(Source::room(WEIGHT_BLOCK, part.count)));
    float* packed = scratch(Slot::panels, size_t(NR * WEIGHT_BLOCK));
    if (!gathered || !packed) return false;
    for (int64_t first = begin; first < end; first += WEIGHT_BLOCK) {
        const int64_t count = min(WEIGHT_BLOCK, end - first);
        const Matrix seen = source.gather(first, count, part, gathered);
        const Rows rows{seen.transposed(), part.count};
        for (int64_t at = 0; at < columns; at += NR) {
            const int tile_columns = int(min(NR, columns - at)), width = panel_width(tile_columns);
            pack_panel(grad.at(first, column + at), count, tile_columns, width, packed);
            const Tile tile{partial + part.k * O + column + at, O, part.k, column + at, tile_columns, first != begin};
            run_strips(count, rows, packed, width, tile, KEEP);
        }
    }
    return true;
}

template <class Source>
bool sum_over_pixels(const Source& source, Matrix grad, const Weight& order, float* dweight) {
    const int64_t K = all_steps(source), O = order.O, pixels = source.grid.pixels(),
                  parts = int64_t(source.steps().size());
    const int64_t across = ceil_div(O, WEIGHT_COLUMNS), tiles = parts * across;
    const int64_t ranges = max(1, min(RANGES / tiles, pixels / (2 * WEIGHT_BLOCK)));
    float* partial = scratch(Slot::partial_sums, size_t(ranges * K * O));
    if (!partial) return false;
    const double work = 2.0 * double(pixels) * double(K) * double(O) / double(ranges * tiles);
    std::atomic<bool> whole{true};
    parallel_for(ranges * tiles, max(1, int64_t(1e6 / work)), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t range = i % ranges, column = i / ranges % across * WEIGHT_COLUMNS;
            const Steps& part = source.steps()[size_t(i / ranges / across)];
            const int64_t from = pixels * range / ranges, to = pixels * (range + 1) / ranges;
            if (!add_up_pixels(source, grad, part, from, to, column, min(WEIGHT_COLUMNS, O - column), O,
                               partial + range * K * O))
                whole = false;
        }
    });
    return sum_weight_gradients(partial, ranges, order.T, order.C, order.O, dweight) && whole;
}

// --- the passes
// ----------------------------------------------------------------------------------------------------------

std::vector<Tap> forward_taps(const ConvShape& s) {
    std::vector<Tap> taps;
    for (int64_t kh = 0; kh < s.KH; kh++)
        for (int64_t kw = 0; kw < s.KW; kw++)
            taps.push_back({kh * s.dilation_h - s.pad_h, kw * s.dilation_w - s.pad_w, kh * s.KW + kw});
    return taps;
}

// The taps through which a pixel of the lattice (a + i stride_h, b + j stride_w) is reached, nearest output first, and
// the output's place relative to (i, j).
std::vector<Tap> backward_taps(const ConvShape& s, int64_t a, int64_t b) {
    std::vector<Tap> taps;
    for (int64_t kh = s.KH - 1; kh >= 0; kh--)
        for (int64_t kw = s.KW - 1; kw >= 0; kw--) {
            const int64_t h = a + s.pad_h - kh * s.dilation_h, w = b + s.pad_w - kw * s.dilation_w;
            if (h % s.stride_h == 0 && w % s.stride_w == 0)
                taps.push_back({h / s.stride_h, w / s.stride_w, kh * s.KW + kw});
        }
    return taps;
}

Images channels_from(Images x, int64_t channel) {
    x.data += channel * x.c;
    return x;
}

bool forward_group(const ConvShape& s, const Images& x, const float* weight, const float* bias, float* y) {
    const Grid grid{s.N, s.OH, s.OW, s.stride_h, s.stride_w};
    const std::vector<Tap> taps = forward_taps(s);
    const BiasFloor epilogue{bias, KEEP.floor};
    const DenseTarget target{y, s.O * s.groups};
    if (x.w == 1 && conv_takes_planes(s)) {
        const float* panels = panels_of_outputs({weight, s.O, s.C * s.KH * s.KW, 1}, {{0, 0, 0}});
        return panels && multiply(PlaneSource(x, s.C, grid, taps), panels, s.O, epilogue, target);
    }
    const float* panels = panels_of_outputs({weight, s.O, s.C, s.KH * s.KW}, taps);
    return panels && multiply(PixelSource(x, s.C, grid, taps), panels, s.O, epilogue, target);
}

void clear_lattice(const LatticeTarget& target, const Grid& grid, int64_t columns) {
    Pixel p(grid, 0);
    for (int64_t i = 0; i < grid.pixels(); i++, p.next(grid))
        clear(target.data + p.n * target.n + p.r * target.h + p.q * target.w, columns);
}

bool backward_lattice(const ConvShape& s, const Images& grad, const Weight& weight, int64_t a, int64_t b, float* dx) {
    const Grid grid{s.N, ceil_div(s.H - a, s.stride_h), ceil_div(s.W - b, s.stride_w), 1, 1};
    if (grid.pixels() == 0) return true;
    const int64_t pixel = s.C * s.groups;
    const LatticeTarget target{dx + (a * s.W + b) * pixel, s.H * s.W * pixel, s.stride_h * s.W * pixel,
                               s.stride_w * pixel};
    const std::vector<Tap> taps = backward_taps(s, a, b);
    if (taps.empty()) return clear_lattice(target, grid, s.C), true;
    const float* panels = panels_of_inputs(weight, taps);
    const PixelSource source(grad, s.O, grid, taps);
    if (!panels) return false;
    if (s.stride_h == 1 && s.stride_w == 1) return multiply(source, panels, s.C, KEEP, DenseTarget{dx, pixel});
    return multiply(source, panels, s.C, KEEP, target);
}

bool backward_input_group(const ConvShape& s, const Images& grad, const float* weight, float* dx) {
    const Weight seen{weight, s.O, s.C, s.KH * s.KW};
    bool whole = true;
    for (int64_t a = 0; a < min(s.stride_h, s.H); a++)
        for (int64_t b = 0; b < min(s.stride_w, s.W); b++) whole &= backward_lattice(s, grad, seen, a, b, dx);
    return whole;
}

// grad has a row per pixel.
bool backward_weight_group(const ConvShape& s, Matrix grad, const Images& x, float* dweight) {
    const Grid grid{s.N, s.OH, s.OW, s.stride_h, s.stride_w};
    const std::vector<Tap> taps = forward_taps(s);
    if (x.w == 1 && conv_takes_planes(s))
        return sum_over_pixels(PlaneSource(x, s.C, grid, taps), grad, {nullptr, s.O, s.C * s.KH * s.KW, 1}, dweight);
    return sum_over_pixels(PixelSource(x, s.C, grid, taps), grad, {nullptr, s.O, s.C, s.KH * s.KW}, dweight);
}

}  // namespace

bool conv_takes_planes(const ConvShape& s) { return s.C <= FEW_CHANNELS && s.C * s.KH * s.KW <= STEPS; }

bool conv_forward(const ConvShape& s, const Images& x, const float* weight, const float* bias, float* y) {
    const int64_t size = s.O * s.C * s.KH * s.KW;
    bool whole = true;
    for (int64_t g = 0; g < s.groups; g++)
        whole &= forward_group(s, channels_from(x, g * s.C), weight + g * size, bias ? bias + g * s.O : nullptr,
                               y + g * s.O);
    return whole;
}

bool conv_backward_input(const ConvShape& s, const Images& grad, const float* weight, float* dx) {
    const int64_t size = s.O * s.C * s.KH * s.KW;
    bool whole = true;
    for (int64_t g = 0; g < s.groups; g++)
        whole &= backward_input_group(s, channels_from(grad, g * s.O), weight + g * size, dx + g * s.C);
    return whole;
}

bool conv_backward_weight(const ConvShape& s, const float* grad, const Images& x, float* dweight) {
    const int64_t size = s.O * s.C * s.KH * s.KW;
    bool whole = true;
    for (int64_t g = 0; g < s.groups; g++)
        whole &= backward_weight_group(s, {grad + g * s.O, s.O * s.groups, 1}, channels_from(x, g * s.C),
                                       dweight + g * size);
    return whole;
}

}  // namespace rushlight
