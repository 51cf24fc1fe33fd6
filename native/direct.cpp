// Convolution without a matrix product, for groups of few channels (depthwise is the extreme) and inputs of few: the
// lanes of a vector are neighbouring channels of the output, whichever groups they are of, and a strip of pixels is
// summed up in registers. What a lane multiplies comes from its own group, so the input is first spread out, some rows
// at a time: pixel by pixel, one vector for each channel of a group, each lane holding its own group's channel.
//
//     4 channels a group:   x = a0 a1 a2 a3  b0 b1 b2 b3 ...   becomes   a0 a0 a0 a0  b0 b0 b0 b0 ...
//                                                                        a1 a1 a1 a1  b1 b1 b1 b1 ...   and so on
//
// A block of lanes within one group needs each channel once: it stays a number, which the multiplication repeats.
// Beyond the border of a row lie zeros. Volumes are rows too: those of all depths that the taps reach.
#include <atomic>
#include <vector>

#include "parallel.h"
#include "spread.h"

namespace rushlight {
namespace {

constexpr int PIXELS = MR > 8 ? MR : 8;    // of a strip, each a sum in a register
constexpr int PRODUCTS = MR > 8 ? 12 : 8;  // entries of the weight that are summed up together
constexpr int64_t FEW_CHANNELS = 6;        // with which entries of several taps are summed up together
constexpr int64_t ROWS = 4;                // of the target at a time, at least
constexpr int64_t PARTS = 16;              // at least into which the work is cut, where sizes allow
constexpr int64_t RANGES = 16;             // of pixels with partial sums of the weight's gradient, at most ...
constexpr int64_t PARTIAL = 1 << 18;       // ... and floats of all these sums

// --- sums over taps: forward and backward input --------------------------------------------------------------------

// M pixels of a line, from pixel i on.
template <int M, class Read>
__attribute__((noinline)) void add_up_strip(const Pass& pass, const SeenRows& rows, const Line& line, int64_t i,
                                            const float* panel, vf start, int lanes, float* to) {
    constexpr int HALF = (M + 1) / 2;
    const int64_t channels = pass.from, step = line.stride * rows.pixel;
    vf sum[M];
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) sum[m] = start;
    for (const RowTap& row : rows.taps)
        for (const Reach& reach : line.taps) {
            const float* x = row.x + (i * line.stride + reach.source - pass.left) * rows.pixel;
            const float *lower = x, *upper = x + HALF * step, *w = panel + (row.tap + reach.tap) * channels * W;
            for (int64_t c = 0; c < channels; c++, lower += Read::SIZE, upper += Read::SIZE, w += W) {
                const vf weight = load(w);
#pragma GCC unroll 16
                for (int m = 0; m < M; m++)
                    sum[m] =
                        multiply_add(Read::at(m < HALF ? lower + m * step : upper + (m - HALF) * step), weight, sum[m]);
            }
        }
    const int64_t next = line.step * pass.target_channels();
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) store_first(to + m * next, sum[m], lanes);
}

template <class Read, int... M>
void pick_strip(int pixels, const Pass& pass, const SeenRows& rows, const Line& line, int64_t i, const float* panel,
                vf start, int lanes, float* to, std::integer_sequence<int, M...>) {
    using Kernel = void (*)(const Pass&, const SeenRows&, const Line&, int64_t, const float*, vf, int, float*);
    static constexpr Kernel kernels[] = {add_up_strip<M + 1, Read>...};
    kernels[pixels - 1](pass, rows, line, i, panel, start, lanes, to);
}

// One row of the target for one block; `to` is its first pixel.
template <class Read>
void add_up_row(const Pass& pass, const SeenRows& rows, const Block& block, const float* panel, const float* bias,
                float* to) {
    const vf start = bias ? load_first(bias + block.first, block.lanes) : vf{};
    for (const Line& line : pass.lines) {
        const int64_t strips = ceil_div(line.count, PIXELS);
        for (int64_t s = 0; s < strips; s++) {
            const int64_t i = line.count * s / strips, end = line.count * (s + 1) / strips;
            float* first = to + (line.first + i * line.step) * pass.target_channels() + block.first;
            pick_strip<Read>(int(end - i), pass, rows, line, i, panel, start, block.lanes, first,
                             std::make_integer_sequence<int, PIXELS>());
        }
    }
}

// How the work is cut: some rows and some sets of blocks at a time, as many as are worth spreading out together.
struct Cut {
    int64_t depths, chunks, shares, sets;

    Cut(const Pass& pass, const Blocks& blocks, int size) : depths(int64_t(pass.depths.size())), sets(blocks.sets()) {
        const int64_t H = int64_t(pass.rows.size()), row = max(1, pass.width() * pass.from * size * pass.taps_d);
        const int64_t stride = max(1, pass.source_rows / H);
        const int64_t together = max(1, min(sets, SPREAD / (row * (ROWS * stride + pass.taps_h - 1))));
        const int64_t rows = max(ROWS, (SPREAD / (row * together) - pass.taps_h + 1) / stride);
        chunks = ceil_div(H, rows);
        shares = max(ceil_div(sets, together), min(sets, ceil_div(PARTS, images(pass) * chunks)));
        chunks = max(chunks, min(ceil_div(H, ROWS), ceil_div(PARTS, images(pass) * shares)));
    }
    int64_t images(const Pass& pass) const { return pass.N * depths; }
    int64_t places(const Pass& pass) const { return images(pass) * chunks; }

    Part part(const Pass& pass, int64_t place, int64_t share) const {
        const int64_t H = int64_t(pass.rows.size()), chunk = place % chunks, image = place / chunks;
        return {image / depths,           image % depths,        H * chunk / chunks,
                H * (chunk + 1) / chunks, sets * share / shares, sets * (share + 1) / shares};
    }
};

// Calls body(set, rows, the target's row) for each set and row of a part, its source spread out; false if there is no
// memory.
template <class Read, class Body>
bool for_rows(const Pass& pass, const Part& part, const Blocks& blocks, const float* source, const Body& body) {
    const Slab slab = slab_of_seen_rows(pass, part, Read::SIZE);
    if (!slab.data) return false;
    spread_part(pass, part, source, Read(pass, blocks, part), slab);
    SeenRows rows;
    const int64_t first = (part.n * int64_t(pass.depths.size()) + part.depth) * int64_t(pass.rows.size());
    for (int64_t s = part.first_set; s < part.end_set; s++)
        for (int64_t h = part.begin; h < part.end; h++) {
            find_rows(pass, part, h, slab, (s - part.first_set) * pass.from * Read::SIZE, &rows);
            body(s, rows, (first + h) * pass.target_width * pass.target_channels());
        }
    return true;
}

template <class Read>
bool add_up(const Pass& pass, const float* source, const Weight& weight, const float* bias, float* target) {
    const Blocks blocks(pass);
    const Cut cut(pass, blocks, Read::SIZE);
    const float* panels = pack_weight(pass, weight, blocks);
    if (!panels) return false;
    const int64_t panel = pass.taps() * pass.from * W, parts = cut.places(pass) * cut.shares;
    const double work = 2.0 * double(panel * int64_t(blocks.all.size())) *
                        double(pass.N * cut.depths * int64_t(pass.rows.size()) * pass.target_width) / double(parts);
    std::atomic<bool> whole{true};
    parallel_for(parts, max(1, int64_t(5e5 / work)), [&](int64_t begin, int64_t end) {
        const auto body = [&](int64_t set, const SeenRows& rows, int64_t row) {
            for (int64_t b = set * blocks.together; b < (set + 1) * blocks.together; b++)
                add_up_row<Read>(pass, rows, blocks.all[size_t(b)], panels + b * panel, bias, target + row);
        };
        for (int64_t i = begin; i < end; i++)
            if (!for_rows<Read>(pass, cut.part(pass, i / cut.shares, i % cut.shares), blocks, source, body))
                whole = false;
    });
    return whole;
}

bool add_up(const Pass& pass, const float* source, const Weight& weight, const float* bias, float* target) {
    return is_shared(pass)      ? add_up<Numbers>(pass, source, weight, bias, target)
           : is_depthwise(pass) ? add_up<Channels>(pass, source, weight, bias, target)
                                : add_up<Vectors>(pass, source, weight, bias, target);
}

// --- sums over pixels: backward weight -----------------------------------------------------------------------------

// An entry of the weight: what it multiplies at the first pixel, and where the sum goes, lane by lane.
struct Product {
    const float* x;
    float* sum;
};

// Where M entries lie that are summed up together: anywhere ...
template <int M, class Read>
struct Scattered {
    const float* x[M];
    explicit Scattered(const Product* products) {
        for (int m = 0; m < M; m++) x[m] = products[m].x;
    }
    vf at(int m, int64_t i) const { return Read::at(x[m] + i); }
};
// ... or side by side, as the channels of a pixel, which takes one pointer.
template <int M, class Read>
struct Neighbours {
    const float* x;
    explicit Neighbours(const Product* products) : x(products->x) {}
    vf at(int m, int64_t i) const { return Read::at(x + i + m * Read::SIZE); }
};

// The pixels of some rows of the target: their gradient, a vector each, and how far they are apart in the source.
struct Pixels {
    const float* grad;
    int64_t rows, columns;
    int64_t source_row, source_column;
};

// sum += the sum over pixels of grad times x, for M entries
template <int M, class Entries>
__attribute__((noinline)) void add_products(const Product* products, const Pixels& pixels) {
    const Entries entries(products);
    vf own[M] = {};
    const float* grad = pixels.grad;
    for (int64_t r = 0; r < pixels.rows; r++) {
        int64_t at = r * pixels.source_row;
        for (int64_t i = 0; i < pixels.columns; i++, grad += W, at += pixels.source_column) {
            const vf g = load(grad);
#pragma GCC unroll 16
            for (int m = 0; m < M; m++) own[m] = multiply_add(g, entries.at(m, at), own[m]);
        }
    }
    for (int m = 0; m < M; m++) store(products[m].sum, load(products[m].sum) + own[m]);
}

// All of them, at most PRODUCTS at a time.
template <template <int, class> class Entries, class Read, int... M>
void add_all_products(const Product* products, int64_t count, const Pixels& pixels, std::integer_sequence<int, M...>) {
    using Kernel = void (*)(const Product*, const Pixels&);
    static constexpr Kernel kernels[] = {add_products<M + 1, Entries<M + 1, Read>>...};
    const int64_t turns = ceil_div(count, PRODUCTS);
    for (int64_t i = 0; i < turns; i++) {
        const int64_t at = count * i / turns, end = count * (i + 1) / turns;
        kernels[end - at - 1](products + at, pixels);
    }
}

// What a set of blocks multiplies, in the order of panels (tap, source channel, lane).
template <class Read>
void find_products(const Pass& pass, const Part& part, const Line& rows, const Slab& slab, int64_t set, float* panel,
                   std::vector<Product>* products) {
    products->clear();
    const std::vector<Reach>& depths = pass.depths[size_t(part.depth)];
    const int64_t left = (set - part.first_set) * pass.from * Read::SIZE - pass.left * slab.pixel;
    for (size_t d = 0; d < depths.size(); d++)
        for (const Reach& r : rows.taps)
            for (const Reach& q : pass.lines[0].taps) {
                const float* x =
                    slab.at(int64_t(d), part.begin * rows.stride + r.source) + left + q.source * slab.pixel;
                const int64_t tap = (depths[d].tap * pass.taps_h + r.tap) * pass.taps_w + q.tap;
                for (int64_t c = 0; c < pass.from; c++)
                    products->push_back({x + c * Read::SIZE, panel + (tap * pass.from + c) * W});
            }
}

// panels (block, tap, source channel, lane) += what the rows of a part give to all that they see; false if there is no
// memory.
template <class Read>
bool add_part(const Pass& pass, const Line& rows, const Part& part, const Blocks& blocks, const float* grad,
              const float* source, float* panels) {
    const Slab slab = slab_of_all_rows(pass, part, Read::SIZE, rows);
    if (!slab.data) return false;
    spread_part(pass, part, source, Read(pass, blocks, part), slab);
    const int64_t C = pass.target_channels(), panel = pass.taps() * pass.from * W;
    const int64_t rows_before = (part.n * int64_t(pass.depths.size()) + part.depth) * int64_t(pass.rows.size());
    const int64_t count = (part.end - part.begin) * pass.target_width;
    grad += (rows_before + part.begin) * pass.target_width * C;
    float* own_grad = scratch(Slot::output, size_t(count * W));
    if (!own_grad) return false;
    const auto numbers = std::make_integer_sequence<int, PRODUCTS>();
    std::vector<Product> products;
    for (int64_t b = part.first_set * blocks.together; b < part.end_set * blocks.together; b++) {
        const Block& block = blocks.all[size_t(b)];
        find_products<Read>(pass, part, rows, slab, b / blocks.together, panels + b * panel, &products);
        for (int64_t i = 0; i < count; i++)
            store(own_grad + i * W, load_first(grad + i * C + block.first, block.lanes));
        const Pixels pixels{own_grad, part.end - part.begin, pass.target_width, rows.stride * slab.row,
                            pass.lines[0].stride * slab.pixel};
        const int64_t entries = int64_t(products.size());
        if (pass.from < FEW_CHANNELS)
            add_all_products<Scattered, Read>(products.data(), entries, pixels, numbers);
        else
            for (int64_t i = 0; i < entries; i += pass.from)
                add_all_products<Neighbours, Read>(products.data() + i, pass.from, pixels, numbers);
    }
    return true;
}

// dweight of a block's channels = the sum of its panels (tap, source channel, lane), one of each range
void finish_block(const Pass& pass, const Weight& order, const Block& block, float* panels, int64_t ranges,
                  int64_t distance, float* dweight) {
    const int64_t T = pass.taps(), size = T * pass.from * W;
    for (int64_t r = 1; r < ranges; r++)
        for (int64_t i = 0; i < size; i += W) store(panels + i, load(panels + i) + load(panels + r * distance + i));
    for (int64_t lane = 0; lane < block.lanes;) {
        const int64_t g = (block.first + lane) / pass.to, j = (block.first + lane) % pass.to;
        const int64_t count = min(block.lanes - lane, pass.to - j);
        float* own = dweight + g * order.group + j * order.to;
        for (int64_t c = 0; c < pass.from; c++)
            copy_transposed(panels + c * W + lane, pass.from * W, T, count, own + c * order.from, order.to);
        lane += count;
    }
}

template <class Read>
bool add_up_weight(const Pass& pass, const Line& rows, const float* grad, const float* source, const Weight& order,
                   float* dweight) {
    const Blocks blocks(pass);
    const int64_t panel = pass.taps() * pass.from * W, count = int64_t(blocks.all.size()), all = count * panel;
    Cut cut(pass, blocks, Read::SIZE);
    const int64_t places = cut.places(pass), ranges = max(1, min(min(places, RANGES), PARTIAL / all));
    cut.shares = max(cut.shares, min(cut.sets, ceil_div(PARTS, ranges)));
    float* partial = scratch(Slot::partial_sums, size_t(ranges * all));
    if (!partial) return false;
    std::atomic<bool> whole{true};
    parallel_for(ranges * cut.shares, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t range = i / cut.shares;
            float* own = partial + range * all;
            const int64_t first = places * range / ranges;
            const Part part = cut.part(pass, first, i % cut.shares);
            const int64_t own_blocks = (part.end_set - part.first_set) * blocks.together;
            clear(own + part.first_set * blocks.together * panel, own_blocks * panel);
            for (int64_t place = first; place < places * (range + 1) / ranges; place++)
                if (!add_part<Read>(pass, rows, cut.part(pass, place, i % cut.shares), blocks, grad, source, own))
                    whole = false;
        }
    });
    parallel_for(count, 1 + 16384 / (panel * ranges), [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; b++)
            finish_block(pass, order, blocks.all[size_t(b)], partial + b * panel, ranges, all, dweight);
    });
    return whole;
}

// The weight (groups, O, C, taps) as each pass sees it.
Weight forward_weight(const ConvShape& s, const float* weight) {
    const int64_t T = s.KD * s.KH * s.KW;
    return {weight, s.O * s.C * T, s.C * T, T};
}
Weight backward_weight(const ConvShape& s, const float* weight) {
    const int64_t T = s.KD * s.KH * s.KW;
    return {weight, s.O * s.C * T, T, s.C * T};
}

}  // namespace

bool direct_takes(const ConvShape& s) {
    const bool few = s.C <= 32 && s.O <= 32, volumes = s.KD > 1 && s.groups == 1 && s.C <= 32;
    return (s.groups > 1 && few) || volumes;  // images of one group are better off as products
}

bool direct_forward(const ConvShape& s, const float* x, const float* weight, const float* bias, float* y) {
    return add_up(forward_pass(s), x, forward_weight(s, weight), bias, y);
}

bool direct_backward_input(const ConvShape& s, const float* grad, const float* weight, float* dx) {
    return add_up(backward_pass(s), grad, backward_weight(s, weight), nullptr, dx);
}

bool direct_backward_weight(const ConvShape& s, const float* grad, const float* x, float* dweight) {
    const Pass pass = forward_pass(s);
    const Line rows = rows_of(s).forward_lines()[0];
    const Weight order = forward_weight(s, nullptr);
    return is_shared(pass)      ? add_up_weight<Numbers>(pass, rows, grad, x, order, dweight)
           : is_depthwise(pass) ? add_up_weight<Channels>(pass, rows, grad, x, order, dweight)
                                : add_up_weight<Vectors>(pass, rows, grad, x, order, dweight);
}

}  // namespace rushlight
