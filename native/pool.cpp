// Max and average pooling of channels-last sequences, images and volumes, and their gradients. Every output sees a box:
// a span of depths, of rows and of columns, whoever chose them. `indices` holds, for each output, the position of its
// winner in the input's plane ((depth * H + row) * W + column), as PyTorch's return_indices does.
#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int VECTORS = 4;                 // of channels that are pooled together
constexpr int64_t CHANNELS = VECTORS * W;  // the same in channels
constexpr int64_t GRAIN = 1 << 14;         // elements that are worth a range, about

// Calls body(n, d, h, c, channels) for every row of outputs (or of inputs) and every CHANNELS of its channels.
template <class Body>
void for_rows(const PoolShape& s, int64_t depths, int64_t rows, double work, const Body& body) {
    const int64_t shares = ceil_div(s.C, CHANNELS), units = s.N * depths * rows * shares;
    parallel_for(units, 1 + int64_t(double(GRAIN) * double(units) / work), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t row = i / shares, c = i % shares * CHANNELS;
            body(row / (depths * rows), row / rows % depths, row % rows, c, min(CHANNELS, s.C - c));
        }
    });
}

double inputs(const PoolShape& s) { return double(s.N) * double(s.plane()) * double(s.C); }

struct Box {
    Span depths, rows, columns;
};

// The largest of a box of one image, V vectors of channels from x on; the last of them has `lanes` channels.
template <int V>
void find_largest(const float* x, const PoolShape& s, const Box& box, int lanes, float* y, int32_t* indices) {
    vf best[V];
    vi winner[V];
    for (int v = 0; v < V; v++) best[v] = broadcast(-INFINITY), winner[v] = broadcast(int32_t(-1));
    for (int64_t d = box.depths.begin; d < box.depths.end; d += box.depths.step)
        for (int64_t h = box.rows.begin; h < box.rows.end; h += box.rows.step)
            for (int64_t w = box.columns.begin; w < box.columns.end; w += box.columns.step) {
                const int64_t place = (d * s.H + h) * s.W + w;
                const float* at = x + place * s.C;
                for (int v = 0; v < V; v++) {
                    const vf seen = v < V - 1 ? load(at + v * W) : load_first(at + v * W, lanes);
                    // torch: the first winner, and NaN wins
                    const vi better = (seen > best[v]) | (seen != seen) | (winner[v] < 0);
                    best[v] = better ? seen : best[v];
                    winner[v] = better ? broadcast(int32_t(place)) : winner[v];
                }
            }
    for (int v = 0; v < V - 1; v++) store(y + v * W, best[v]), store(indices + v * W, winner[v]);
    store_first(y + (V - 1) * W, best[V - 1], lanes);
    if (lanes == W)
        store(indices + (V - 1) * W, winner[V - 1]);
    else
        for (int i = 0; i < lanes; i++) indices[(V - 1) * W + i] = winner[V - 1][i];
}

// to[c] = the sum over a box of x[place * C + c] (/ divisors[place], if there are any) / divisor. Rows are summed
// apart, which keeps the error of large boxes small.
template <int V>
void add_box(const float* x, int64_t H, int64_t width, int64_t C, const Box& box, const float* divisors, int lanes,
             float divisor, float* to) {
    vf total[V] = {};
    for (int64_t d = box.depths.begin; d < box.depths.end; d++)
        for (int64_t h = box.rows.begin; h < box.rows.end; h++) {
            vf row[V] = {};
            for (int64_t w = box.columns.begin; w < box.columns.end; w++) {
                const int64_t place = (d * H + h) * width + w;
                const float* at = x + place * C;
                for (int v = 0; v < V; v++) {
                    const vf seen = v < V - 1 ? load(at + v * W) : load_first(at + v * W, lanes);
                    row[v] += divisors ? seen / divisors[place] : seen;
                }
            }
            for (int v = 0; v < V; v++) total[v] += row[v];
        }
    for (int v = 0; v < V - 1; v++) store(to + v * W, total[v] / divisor);
    store_first(to + (V - 1) * W, total[V - 1] / divisor, lanes);
}

// Calls body<V>(c, lanes) on whole groups of vectors, then on single ones.
template <class Body>
void for_channels(int64_t c, int64_t count, const Body& body) {
    if (count == CHANNELS) return body(std::integral_constant<int, VECTORS>(), c, W);
    for (int64_t end = c + count; c < end; c += W) body(std::integral_constant<int, 1>(), c, int(min(W, end - c)));
}

// From the side of what is seen: which outputs see each place. A window's places are neighbours.
Windows turned(const Windows& windows, int64_t size) {
    Windows seeing(size_t(size), {0, 0, 1});
    for (size_t o = 0; o < windows.size(); o++)
        for (int64_t i = windows[o].begin; i < windows[o].end; i++) {
            Span& span = seeing[size_t(i)];
            if (span.end == 0) span.begin = int64_t(o);
            span.end = int64_t(o) + 1;
        }
    return seeing;
}

}  // namespace

void max_pool_forward(const float* x, const PoolShape& s, float* y, int32_t* indices) {
    const int64_t D = int64_t(s.depths.size()), H = int64_t(s.rows.size()), width = int64_t(s.columns.size());
    for_rows(s, D, H, inputs(s), [&](int64_t n, int64_t d, int64_t h, int64_t from, int64_t count) {
        for (int64_t j = 0; j < width; j++) {
            const Box box{s.depths[size_t(d)], s.rows[size_t(h)], s.columns[size_t(j)]};
            const int64_t out = (((n * D + d) * H + h) * width + j) * s.C;
            for_channels(from, count, [&](auto V, int64_t c, int lanes) {
                find_largest<V()>(x + n * s.plane() * s.C + c, s, box, lanes, y + out + c, indices + out + c);
            });
        }
    });
}

void max_pool_backward(const float* grad, const int32_t* indices, int64_t N, int64_t plane, int64_t out_plane,
                       int64_t C, float* dx) {
    constexpr int64_t chunk = 16;  // channels of an image that one thread writes, so that images can be shared, too
    const int64_t chunks = (C + chunk - 1) / chunk;
    parallel_for(N * chunks, (1 << 13) / (plane * chunk + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; t++) {
            const int64_t n = t / chunks, from = t % chunks * chunk, to = std::min(from + chunk, C);
            float* image = dx + n * plane * C;
            for (int64_t p = 0; p < plane; p++) std::fill(image + p * C + from, image + p * C + to, 0.0f);
            for (int64_t o = n * out_plane; o < (n + 1) * out_plane; o++)
                for (int64_t c = from; c < to; c++) image[indices[o * C + c] * C + c] += grad[o * C + c];
        }
    });
}

void avg_pool_forward(const float* x, const PoolShape& s, const float* divisors, float* y) {
    const int64_t D = int64_t(s.depths.size()), H = int64_t(s.rows.size()), width = int64_t(s.columns.size());
    for_rows(s, D, H, inputs(s), [&](int64_t n, int64_t d, int64_t h, int64_t from, int64_t count) {
        for (int64_t j = 0; j < width; j++) {
            const Box box{s.depths[size_t(d)], s.rows[size_t(h)], s.columns[size_t(j)]};
            const int64_t place = (d * H + h) * width + j;
            for_channels(from, count, [&](auto V, int64_t c, int lanes) {
                add_box<V()>(x + n * s.plane() * s.C + c, s.H, s.W, s.C, box, nullptr, lanes, divisors[place],
                             y + (n * D * H * width + place) * s.C + c);
            });
        }
    });
}

void avg_pool_backward(const float* grad, const PoolShape& s, const float* divisors, float* dx) {
    const Windows depths = turned(s.depths, s.D), rows = turned(s.rows, s.H), columns = turned(s.columns, s.W);
    const int64_t H = int64_t(s.rows.size()), width = int64_t(s.columns.size());
    const int64_t out_plane = int64_t(s.depths.size()) * H * width;
    for_rows(s, s.D, s.H, inputs(s), [&](int64_t n, int64_t d, int64_t h, int64_t from, int64_t count) {
        for (int64_t w = 0; w < s.W; w++) {
            const Box box{depths[size_t(d)], rows[size_t(h)], columns[size_t(w)]};
            for_channels(from, count, [&](auto V, int64_t c, int lanes) {
                add_box<V()>(grad + n * out_plane * s.C + c, H, width, s.C, box, divisors, lanes, 1.0f,
                             dx + (((n * s.D + d) * s.H + h) * s.W + w) * s.C + c);
            });
        }
    });
}

void plane_means(const float* x, int64_t planes, int64_t size, float* y) {
    parallel_for(planes, 1 + GRAIN / size, [=](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; p++) {
            const float* plane = x + p * size;
            vf total[4] = {};
            int64_t i = 0;
            for (; i + 4 * W <= size; i += 4 * W)
                for (int v = 0; v < 4; v++) total[v] += load(plane + i + v * W);
            for (; i < size; i += W) total[0] += load_first(plane + i, int(min(W, size - i)));
            y[p] = sum((total[0] + total[1]) + (total[2] + total[3])) / float(size);
        }
    });
}

}  // namespace rushlight
