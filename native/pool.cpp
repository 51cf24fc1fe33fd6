// Max and average pooling of channels-last images and their gradients. `indices` holds, for each output, the position
// of its winner in the input plane (row * W + column), as PyTorch's return_indices does.
#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {

void max_pool_forward(const float* x, const PoolShape& s, float* y, int32_t* indices) {
    const int64_t rows = s.N * s.out_h;
    parallel_for(rows, (1 << 12) / (s.out_w * s.C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const int64_t n = row / s.out_h, top = row % s.out_h * s.stride_h - s.pad_h;
            const float* image = x + n * s.H * s.W * s.C;
            for (int64_t j = 0; j < s.out_w; j++) {
                const int64_t left = j * s.stride_w - s.pad_w, out = (row * s.out_w + j) * s.C;
                for (int64_t c = 0; c < s.C; c += W) {
                    const int lanes_used = int(std::min<int64_t>(W, s.C - c));
                    vf best = broadcast(-INFINITY);
                    vi winner = broadcast(int32_t(-1));
                    for (int64_t p = 0; p < s.kernel_h; p++) {
                        const int64_t h = top + p * s.dilation_h;
                        if (h < 0 || h >= s.H) continue;
                        for (int64_t q = 0; q < s.kernel_w; q++) {
                            const int64_t w = left + q * s.dilation_w;
                            if (w < 0 || w >= s.W) continue;
                            const float* at = image + (h * s.W + w) * s.C + c;
                            const vf v = lanes_used == W ? load(at) : load_first(at, lanes_used);
                            const vi better =
                                (v > best) | (v != v) | (winner < 0);  // torch: the first winner, and NaN wins
                            best = better ? v : best;
                            winner = better ? broadcast(int32_t(h * s.W + w)) : winner;
                        }
                    }
                    if (lanes_used == W) {
                        store(y + out + c, best);
                        store(indices + out + c, winner);
                    } else {
                        store_first(y + out + c, best, lanes_used);
                        for (int i = 0; i < lanes_used; i++) indices[out + c + i] = winner[i];
                    }
                }
            }
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

namespace {

// Of a row of pixels or windows: from the first to before the last.
struct Span {
    int64_t begin, end;
};

// What window i sees of n pixels, and which of `count` windows see pixel i.
Span seen_by(int64_t i, int64_t kernel, int64_t stride, int64_t pad, int64_t n) {
    const int64_t start = i * stride - pad;
    return {max(start, 0), min(start + kernel, n)};
}
Span seeing(int64_t i, int64_t kernel, int64_t stride, int64_t pad, int64_t count) {
    const int64_t first = i + pad - kernel + 1;
    return {first > 0 ? ceil_div(first, stride) : 0, min((i + pad) / stride + 1, count)};
}

// to[c] = sum over a box of from[(row * width + column) * C + c] / divisors[row * width + column] (nullptr: 1)
void add_box(const float* from, int64_t width, int64_t C, Span rows, Span columns, const float* divisors, float* to,
             float divisor) {
    for (int64_t c = 0; c < C; c += W) {
        const int lanes_used = int(min(W, C - c));
        vf total{};
        for (int64_t h = rows.begin; h < rows.end; h++)
            for (int64_t w = columns.begin; w < columns.end; w++) {
                const float* at = from + (h * width + w) * C + c;
                const vf v = lanes_used == W ? load(at) : load_first(at, lanes_used);
                total += divisors ? v / divisors[h * width + w] : v;
            }
        store_first(to + c, total / divisor, lanes_used);
    }
}

}  // namespace

void avg_pool_forward(const float* x, const PoolShape& s, const float* divisors, float* y) {
    parallel_for(s.N * s.out_h, (1 << 12) / (s.out_w * s.C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const int64_t n = row / s.out_h, i = row % s.out_h;
            const Span rows = seen_by(i, s.kernel_h, s.stride_h, s.pad_h, s.H);
            for (int64_t j = 0; j < s.out_w; j++)
                add_box(x + n * s.H * s.W * s.C, s.W, s.C, rows, seen_by(j, s.kernel_w, s.stride_w, s.pad_w, s.W),
                        nullptr, y + (row * s.out_w + j) * s.C, divisors[i * s.out_w + j]);
        }
    });
}

void avg_pool_backward(const float* grad, const PoolShape& s, const float* divisors, float* dx) {
    parallel_for(s.N * s.H, (1 << 12) / (s.W * s.C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const Span rows = seeing(row % s.H, s.kernel_h, s.stride_h, s.pad_h, s.out_h);
            for (int64_t w = 0; w < s.W; w++)
                add_box(grad + row / s.H * s.out_h * s.out_w * s.C, s.out_w, s.C, rows,
                        seeing(w, s.kernel_w, s.stride_w, s.pad_w, s.out_w), divisors, dx + (row * s.W + w) * s.C,
                        1.0f);
        }
    });
}

}  // namespace rushlight
