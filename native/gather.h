// The matrices that convolution multiplies: for a block of pixels, the stretches of the source that the taps see,
// gathered into rows. Channels-last images give a row per pixel; images stored plane by plane, as first layers have
// them, a row per step.
#pragma once

#include <vector>

#include "kernels.h"

namespace rushlight {
namespace {

constexpr int64_t STEPS = 640;  // of K that are gathered at a time, about

// --- pixels and what their taps see --------------------------------------------------------------------------------

// The pixels (n, r, q) of a grid of images, counted in one go, and where (r, q) lies in the source: r step + offset.
struct Grid {
    int64_t N, R, Q;
    int64_t step_h, step_w;

    int64_t pixels() const { return N * R * Q; }
};

struct Pixel {
    int64_t n, r, q;

    Pixel(const Grid& grid, int64_t index)
        : n(index / (grid.R * grid.Q)), r(index / grid.Q % grid.R), q(index % grid.Q) {}
    void next(const Grid& grid) {
        if (++q < grid.Q) return;
        q = 0;
        if (++r < grid.R) return;
        r = 0;
        n++;
    }
};

// Which place relative to a pixel's a tap sees, and the tap's place in the weight.
struct Tap {
    int64_t dh, dw, index;
};

// A stretch of the source beside a pixel: `width` pixels from (dh, dw) on, of `channels` channels from `channel` on.
struct Stretch {
    int64_t dh, dw, width, channel, channels;

    int64_t size() const { return width * channels; }
};

// A range of stretches that are gathered at a time: the steps from k on.
struct Steps {
    size_t begin, end;
    int64_t k, count;
};

void copy(const float* from, int64_t n, float* to) {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(to + i, load(from + i));
    if (i < n) store_first(to + i, load_first(from + i, int(n - i)), int(n - i));
}

void clear(float* to, int64_t n) {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(to + i, vf{});
    if (i < n) store_first(to + i, vf{}, int(n - i));
}

// to[i] = from[2 i]. Vectors read one float beyond what they use, so the last n are copied singly.
template <int... L>
void copy_every_second(const float* from, int64_t n, float* to, std::integer_sequence<int, L...>) {
    int64_t i = 0;
    for (; i + W < n; i += W) store(to + i, pick<(2 * L)...>(load(from + 2 * i), load(from + 2 * i + W)));
    for (; i < n; i++) to[i] = from[2 * i];
}

// Gathers a row per pixel from channels-last images; steps are ordered (tap, channel).
class PixelSource {
    Images image;
    int64_t channels;
    std::vector<Stretch> stretches;
    std::vector<Steps> blocks;

    // Neighbouring taps of a row make one stretch where their pixels lie side by side; many channels make several.
    void add_stretches(const std::vector<Tap>& taps) {
        for (size_t i = 0; i < taps.size();) {
            size_t end = i + 1;
            if (image.w == channels)
                while (end < taps.size() && taps[end].dh == taps[i].dh && taps[end].dw == taps[end - 1].dw + 1 &&
                       int64_t(end + 1 - i) * channels <= STEPS)
                    end++;
            if (end - i > 1)
                stretches.push_back({taps[i].dh, taps[i].dw, int64_t(end - i), 0, channels});
            else
                for (int64_t c = 0; c < channels; c += STEPS)
                    stretches.push_back({taps[i].dh, taps[i].dw, 1, c, min(STEPS, channels - c)});
            i = end;
        }
    }

    void add_blocks() {
        int64_t k = 0;
        for (size_t i = 0; i < stretches.size(); i++) {
            if (blocks.empty() || blocks.back().count + stretches[i].size() > STEPS) blocks.push_back({i, i, k, 0});
            blocks.back().end = i + 1;
            blocks.back().count += stretches[i].size();
            k += stretches[i].size();
        }
    }

    void gather_pixel(const Pixel& p, const Steps& steps, float* to) const {
        for (size_t i = steps.begin; i < steps.end; i++) {
            const Stretch& s = stretches[i];
            const int64_t h = p.r * grid.step_h + s.dh, w = p.q * grid.step_w + s.dw;
            const int64_t left = min(s.width, max(0, -w)), right = min(s.width, max(0, w + s.width - image.W));
            if (h < 0 || h >= image.H || left + right >= s.width) {
                clear(to, s.size());
            } else {
                const float* from = image.data + p.n * image.n + h * image.h + (w + left) * image.w + s.channel;
                if (left) clear(to, left * s.channels);
                copy(from, (s.width - left - right) * s.channels, to + left * s.channels);
                if (right) clear(to + (s.width - right) * s.channels, right * s.channels);
            }
            to += s.size();
        }
    }

public:
    Grid grid;

    PixelSource(Images source, int64_t source_channels, const Grid& g, const std::vector<Tap>& taps)
        : image(source), channels(source_channels), grid(g) {
        add_stretches(taps);
        add_blocks();
    }

    const std::vector<Steps>& steps() const { return blocks; }

    // An odd number of cache lines, so that the rows spread over all sets of the L1 cache.
    static int64_t row_of(int64_t steps) { return (ceil_div(steps, 16) | 1) * 16; }

    // Room that the matrix of `pixels` pixels needs at most.
    static int64_t room(int64_t pixels, int64_t steps) { return pixels * row_of(steps); }

    // The matrix (pixel, step) of `count` pixels.
    Matrix gather(int64_t first, int64_t count, const Steps& steps, float* to) const {
        const int64_t row = row_of(steps.count);
        Pixel pixel(grid, first);
        for (int64_t i = 0; i < count; i++, pixel.next(grid)) gather_pixel(pixel, steps, to + i * row);
        return {to, row, 1};
    }
};

// Gathers a row per step from images stored plane by plane; steps are ordered (channel, tap), as the weight is.
class PlaneSource {
    Images image;
    std::vector<Tap> taps;
    std::vector<Steps> blocks;

    // What the tap sees from the pixels q .. q + count of one row of the grid.
    void gather_row(const float* row, const Tap& tap, int64_t q, int64_t count, float* to) const {
        const int64_t begin = min(count, max(0, ceil_div(max(0, -tap.dw), grid.step_w) - q));
        const int64_t end = max(begin, min(count, (image.W - 1 - tap.dw + grid.step_w) / grid.step_w - q));
        if (begin) clear(to, begin);
        const float* from = row + (q + begin) * grid.step_w + tap.dw;
        if (grid.step_w == 1)
            copy(from, end - begin, to + begin);
        else if (grid.step_w == 2)
            copy_every_second(from, end - begin, to + begin, std::make_integer_sequence<int, W>());
        else
            for (int64_t i = begin; i < end; i++, from += grid.step_w) to[i] = *from;
        if (end < count) clear(to + end, count - end);
    }

    void gather_step(int64_t channel, const Tap& tap, int64_t first, int64_t count, float* to) const {
        Pixel p(grid, first);
        while (count > 0) {
            const int64_t h = p.r * grid.step_h + tap.dh, part = min(count, grid.Q - p.q);
            const float* row = image.data + p.n * image.n + channel * image.c + h * image.h;
            if (h < 0 || h >= image.H)
                clear(to, part);
            else
                gather_row(row, tap, p.q, part, to);
            to += part;
            count -= part;
            p.q += part - 1;
            p.next(grid);
        }
    }

public:
    Grid grid;

    PlaneSource(Images source, int64_t channels, const Grid& g, const std::vector<Tap>& all)
        : image(source), taps(all), grid(g) {
        const int64_t count = channels * int64_t(taps.size());
        blocks.push_back({0, size_t(count), 0, count});
    }

    const std::vector<Steps>& steps() const { return blocks; }

    static int64_t row_of(int64_t pixels) { return (ceil_div(pixels, 16) | 1) * 16; }

    static int64_t room(int64_t pixels, int64_t steps) { return row_of(pixels) * steps; }

    Matrix gather(int64_t first, int64_t count, const Steps& steps, float* to) const {
        const int64_t row = row_of(count);
        for (size_t k = steps.begin; k < steps.end; k++)
            gather_step(int64_t(k / taps.size()), taps[k % taps.size()], first, count, to + int64_t(k) * row);
        return {to, 1, row};
    }
};

template <class Source>
int64_t most_steps(const Source& source) {
    int64_t most = 0;
    for (const Steps& s : source.steps()) most = max(most, s.count);
    return most;
}

template <class Source>
int64_t all_steps(const Source& source) {
    return source.steps().back().k + source.steps().back().count;
}

}  // namespace
}  // namespace rushlight
