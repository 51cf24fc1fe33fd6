// How direct.cpp reads its source: which places see which through which taps, the blocks of lanes that a vector holds,
// and the rows of the source spread out so that each lane finds its own group's channels.
#pragma once

#include <vector>

#include "kernels.h"
#include "scratch.h"
#include "transpose.h"

namespace rushlight {
namespace {

constexpr int64_t SPREAD = 1 << 16;  // floats that are spread out at a time, about: they stay in L2

// --- which places see which ----------------------------------------------------------------------------------------

// A place of the source that is seen through a tap. Of a line it is relative to where the line stands.
struct Reach {
    int64_t tap, source;
};

// Along one dimension of the target: what each place reaches, inside the source.
using Axis = std::vector<std::vector<Reach>>;

// Along the rows of the target: the places first, first + step, ..., which all have the same taps. Place i stands at
// i * stride of the source.
struct Line {
    int64_t first, step, count, stride;
    std::vector<Reach> taps;
};

struct Window {
    int64_t in, out, taps, stride, pad, dilation;

    // o sees o stride + t dilation - pad ...
    Axis forward() const {
        Axis axis(static_cast<size_t>(out));
        for (int64_t o = 0; o < out; o++)
            for (int64_t t = 0; t < taps; t++) {
                const int64_t i = o * stride + t * dilation - pad;
                if (i >= 0 && i < in) axis[size_t(o)].push_back({t, i});
            }
        return axis;
    }

    // ... and the same relation from the side of what is seen.
    Axis backward() const {
        Axis axis(static_cast<size_t>(in));
        const Axis seen = forward();
        for (size_t o = 0; o < seen.size(); o++)
            for (const Reach& reach : seen[o]) axis[size_t(reach.source)].push_back({reach.tap, int64_t(o)});
        return axis;
    }

    std::vector<Line> forward_lines() const {
        Line line{0, 1, out, stride, {}};
        for (int64_t t = 0; t < taps; t++) line.taps.push_back({t, t * dilation - pad});
        return {line};
    }

    // i = first + k stride is reached from (i + pad - t dilation) / stride where that is whole.
    std::vector<Line> backward_lines() const {
        std::vector<Line> lines;
        for (int64_t first = 0; first < min(stride, in); first++) {
            Line line{first, stride, ceil_div(in - first, stride), 1, {}};
            for (int64_t t = taps - 1; t >= 0; t--) {
                const int64_t far = first + pad - t * dilation;
                if (far % stride == 0) line.taps.push_back({t, far / stride});
            }
            lines.push_back(line);
        }
        return lines;
    }
};

// One of the three passes: which dimensions see which, and the sizes of source and target. Weights are those of
// `groups` groups of from channels of the source and to channels of the target.
struct Pass {
    int64_t N, groups, from, to;
    Axis depths, rows;
    std::vector<Line> lines;
    int64_t source_depth, source_rows, source_width, target_width;
    int64_t taps_d, taps_h, taps_w;
    int64_t left, right;  // the columns of the source that are seen, some of them outside

    int64_t taps() const { return taps_d * taps_h * taps_w; }
    int64_t source_channels() const { return groups * from; }
    int64_t target_channels() const { return groups * to; }
    int64_t width() const { return right - left; }
};

Window depth_of(const ConvShape& s) { return {s.D, s.OD, s.KD, s.stride_d, s.pad_d, s.dilation_d}; }
Window rows_of(const ConvShape& s) { return {s.H, s.OH, s.KH, s.stride_h, s.pad_h, s.dilation_h}; }
Window columns_of(const ConvShape& s) { return {s.W, s.OW, s.KW, s.stride_w, s.pad_w, s.dilation_w}; }

Pass with_borders(Pass pass) {
    pass.left = INT64_MAX, pass.right = INT64_MIN;
    for (const Line& line : pass.lines)
        for (const Reach& reach : line.taps) {
            pass.left = min(pass.left, reach.source);
            pass.right = max(pass.right, (line.count - 1) * line.stride + reach.source + 1);
        }
    if (pass.left > pass.right) pass.left = pass.right = 0;
    return pass;
}

Pass forward_pass(const ConvShape& s) {
    return with_borders({s.N, s.groups, s.C, s.O, depth_of(s).forward(), rows_of(s).forward(),
                         columns_of(s).forward_lines(), s.D, s.H, s.W, s.OW, s.KD, s.KH, s.KW, 0, 0});
}
Pass backward_pass(const ConvShape& s) {
    return with_borders({s.N, s.groups, s.O, s.C, depth_of(s).backward(), rows_of(s).backward(),
                         columns_of(s).backward_lines(), s.OD, s.OH, s.OW, s.W, s.KD, s.KH, s.KW, 0, 0});
}

// --- blocks of lanes -----------------------------------------------------------------------------------------------

// Which channels of the target a vector holds: several whole groups, or a part of one.
struct Block {
    int64_t first;
    int lanes;
};

// Whether a block lies within one group.
bool is_shared(const Pass& pass) { return 2 * pass.to >= W || pass.groups == 1; }
// Whether each lane has a channel of its own.
bool is_depthwise(const Pass& pass) { return pass.from == 1 && pass.to == 1; }

// The blocks, those that read the same channels of the source side by side: `together` at a time.
struct Blocks {
    std::vector<Block> all;
    int64_t together = 1;

    explicit Blocks(const Pass& pass) {
        const int64_t groups = is_shared(pass) ? 1 : W / pass.to;
        if (is_shared(pass)) together = ceil_div(pass.to, W);
        for (int64_t g = 0; g < pass.groups; g += groups) {
            const int64_t first = g * pass.to, count = min(groups, pass.groups - g) * pass.to;
            for (int64_t at = 0; at < count; at += W) all.push_back({first + at, int(min(W, count - at))});
        }
    }
    int64_t sets() const { return int64_t(all.size()) / together; }
};

// Weight of target channel j of group g, source channel c, tap t: data[g * group + j * to + c * from + t].
struct Weight {
    const float* data;
    int64_t group, to, from;
};

// panel (tap, source channel, lane)
void pack_block(const Pass& pass, const Weight& weight, const Block& block, float* panel) {
    const int64_t T = pass.taps();
    if (block.lanes < W)
        for (int64_t i = 0; i < T * pass.from; i++) store(panel + i * W, vf{});
    for (int64_t lane = 0; lane < block.lanes;) {
        const int64_t g = (block.first + lane) / pass.to, j = (block.first + lane) % pass.to;
        const int count = int(min(block.lanes - lane, pass.to - j));
        const float* own = weight.data + g * weight.group + j * weight.to;
        for (int64_t c = 0; c < pass.from; c++)
            copy_transposed(own + c * weight.from, weight.to, count, T, panel + c * W + lane, pass.from * W);
        lane += count;
    }
}

const float* pack_weight(const Pass& pass, const Weight& weight, const Blocks& blocks) {
    const int64_t size = pass.taps() * pass.from * W, count = int64_t(blocks.all.size());
    float* panels = scratch(Slot::tiles, size_t(count * size));
    if (!panels) return nullptr;
    parallel_for(count, 1 + 16384 / size, [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; b++) pack_block(pass, weight, blocks.all[size_t(b)], panels + b * size);
    });
    return panels;
}

// --- the source, spread out ----------------------------------------------------------------------------------------

void copy(const float* from, int64_t n, float* to) {
    for_vectors(n, [&](int64_t, auto load, auto store) { store(to, load(from)); });
}

void clear(float* to, int64_t n) {
    for_vectors(n, [&](int64_t, auto, auto store) { store(to, vf{}); });
}

// A part of the work: the rows begin .. end of the target at a depth of image n, for some sets of blocks.
struct Part {
    int64_t n, depth, begin, end, first_set, end_set;
};

// How the channels of a pixel that some sets read are spread out, and how the multiplication reads them. Where there is
// one group, as numbers, which lie so already ...
class Numbers {
    int64_t first, count;

public:
    static constexpr int SIZE = 1;
    static vf at(const float* x) { return broadcast(*x); }

    Numbers(const Pass& pass, const Blocks&, const Part& part)
        : first(part.first_set * pass.from), count((part.end_set - part.first_set) * pass.from) {}
    void operator()(const float* pixel, float* to) const { copy(pixel + first, count, to); }
};

// ... where each lane has its own channel, as they are ...
class Channels {
    int64_t first, count;

public:
    static constexpr int SIZE = W;
    static vf at(const float* x) { return load(x); }

    Channels(const Pass& pass, const Blocks&, const Part& part)
        : first(part.first_set * W), count(min(part.end_set * W, pass.source_channels()) - first) {}
    void operator()(const float* pixel, float* to) const { copy(pixel + first, count, to); }
};

// ... and else as a vector for each channel of a group.
class Vectors {
    int64_t first, from;
    std::vector<int> spans;  // channels that each set reads
    vi place;                // of each lane's group

    void spread(const float* pixel, int span, float* to) const {
        if (span <= W) {
            const vf x = load_first(pixel, span);
            for (int64_t c = 0; c < from; c++) store(to + c * W, pick(x, place + int32_t(c)));
        } else if (span <= 2 * W) {
            const vf low = load(pixel), high = load_first(pixel + W, span - W);
            for (int64_t c = 0; c < from; c++) store(to + c * W, pick(low, high, place + int32_t(c)));
        } else {
            for (int64_t c = 0; c < from; c++)
                for (int i = 0; i < W; i++) to[c * W + i] = pixel[min(place[i] + c, int64_t(span - 1))];
        }
    }

public:
    static constexpr int SIZE = W;
    static vf at(const float* x) { return load(x); }

    Vectors(const Pass& pass, const Blocks& blocks, const Part& part)
        : first(blocks.all[size_t(part.first_set)].first / pass.to * pass.from), from(pass.from) {
        for (int64_t s = part.first_set; s < part.end_set; s++)
            spans.push_back(int(blocks.all[size_t(s)].lanes / pass.to * from));
        for (int i = 0; i < W; i++) place[i] = int32_t(min(i / pass.to, W / pass.to - 1) * from);
    }
    void operator()(const float* pixel, float* to) const {
        pixel += first;
        for (const int span : spans) {
            spread(pixel, span, to);
            pixel += span;
            to += from * W;
        }
    }
};

// The rows of the source that a part sees at each depth, spread out: sets side by side in each pixel. Pixels are an odd
// number of cache lines apart, so that they spread over all sets of the L1 cache.
struct Slab {
    float* data;
    int64_t pixel, row, first, count;  // floats of a pixel and of a row; rows of each depth

    float* at(int64_t depth, int64_t h) const { return data + (depth * count + h - first) * row; }
};

// With the rows of the source first .. end, of which some may lie outside.
Slab slab_of(const Pass& pass, const Part& part, int64_t size, int64_t first, int64_t end) {
    const int64_t pixel = (ceil_div((part.end_set - part.first_set) * pass.from * size, 16) | 1) * 16;
    Slab slab{nullptr, pixel, pass.width() * pixel, first, max(0, end - first)};
    const int64_t depths = int64_t(pass.depths[size_t(part.depth)].size());
    slab.data = scratch(Slot::input, size_t(depths * slab.count * slab.row + 1));
    return slab;
}
Slab slab_of_seen_rows(const Pass& pass, const Part& part, int64_t size) {
    int64_t first = pass.source_rows, end = 0;
    for (int64_t h = part.begin; h < part.end; h++)
        for (const Reach& reach : pass.rows[size_t(h)])
            first = min(first, reach.source), end = max(end, reach.source + 1);
    return slab_of(pass, part, size, first, end);
}
Slab slab_of_all_rows(const Pass& pass, const Part& part, int64_t size, const Line& rows) {
    return slab_of(pass, part, size, part.begin * rows.stride + rows.taps.front().source,
                   (part.end - 1) * rows.stride + rows.taps.back().source + 1);
}

// A row of the source, columns left .. right.
template <class Read>
void spread_row(const Pass& pass, const float* row, const Read& read, int64_t pixel, float* to) {
    const int64_t begin = min(max(pass.left, 0), pass.right), end = max(begin, min(pass.right, pass.source_width));
    clear(to, (begin - pass.left) * pixel);
    to += (begin - pass.left) * pixel;
    for (int64_t w = begin; w < end; w++, to += pixel) read(row + w * pass.source_channels(), to);
    clear(to, (pass.right - end) * pixel);
}

template <class Read>
void spread_part(const Pass& pass, const Part& part, const float* source, const Read& read, const Slab& slab) {
    const std::vector<Reach>& depths = pass.depths[size_t(part.depth)];
    for (size_t d = 0; d < depths.size(); d++)
        for (int64_t h = slab.first; h < slab.first + slab.count; h++) {
            const int64_t row = (part.n * pass.source_depth + depths[d].source) * pass.source_rows + h;
            float* to = slab.at(int64_t(d), h);
            if (h < 0 || h >= pass.source_rows)
                clear(to, slab.row);
            else
                spread_row(pass, source + row * pass.source_width * pass.source_channels(), read, slab.pixel, to);
        }
}

// One row of the source and the taps that see it.
struct RowTap {
    const float* x;
    int64_t tap;  // the first of its taps
};
struct SeenRows {
    int64_t pixel;  // floats between pixels
    std::vector<RowTap> taps;
};

// What row h of the target sees; `set` is where a set's channels lie in a pixel.
void find_rows(const Pass& pass, const Part& part, int64_t h, const Slab& slab, int64_t set, SeenRows* found) {
    found->pixel = slab.pixel;
    found->taps.clear();
    const std::vector<Reach>& depths = pass.depths[size_t(part.depth)];
    for (size_t d = 0; d < depths.size(); d++)
        for (const Reach& r : pass.rows[size_t(h)])
            found->taps.push_back(
                {slab.at(int64_t(d), r.source) + set, (depths[d].tap * pass.taps_h + r.tap) * pass.taps_w});
}

}  // namespace
}  // namespace rushlight
