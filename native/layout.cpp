// Changing the order of dimensions in memory: between planes (N, C, S) and channels-last images (N, S, C), and of the
// gradients of convolution's weights.
#include <atomic>

#include "kernels.h"
#include "parallel.h"
#include "scratch.h"
#include "transpose.h"

namespace rushlight {
namespace {

// W channels and W outputs of sum_weight_gradients. by_output has room for (W, T, W).
void sum_weight_block(const float* partial, int64_t ranges, int64_t T, int64_t C, int64_t O, int64_t c, int64_t o,
                      float* by_output, float* dweight) {
    const int outputs = int(min(W, O - o)), channels = int(min(W, C - c));
    for (int64_t t = 0; t < T; t++) {  // by_output holds (o, t, c)
        vf block[W] = {};
        for (int64_t r = 0; r < ranges; r++)
            for (int i = 0; i < channels; i++)
                block[i] += load_first(partial + ((r * T + t) * C + c + i) * O + o, outputs);
        transpose(block);
        for (int i = 0; i < outputs; i++) store(by_output + (i * T + t) * W, block[i]);
    }
    for (int i = 0; i < outputs; i++)
        copy_transposed(by_output + i * T * W, W, T, channels, dweight + ((o + i) * C + c) * T, T);
}

}  // namespace

void transpose_batch(const float* x, int64_t N, int64_t R, int64_t C, float* y) {
    const int64_t height = max(W, 16384 / max(C, 1) / W * W), blocks = ceil_div(R, height);
    parallel_for(N * blocks, 1 + 65536 / (height * C), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t n = i / blocks, r = i % blocks * height;
            copy_transposed(x + (n * R + r) * C, C, min(height, R - r), C, y + n * R * C + r, R);
        }
    });
}

bool sum_weight_gradients(const float* partial, int64_t ranges, int64_t T, int64_t C, int64_t O, float* dweight) {
    const int64_t down = ceil_div(O, W), across = ceil_div(C, W);
    std::atomic<bool> whole{true};
    parallel_for(down * across, 1 + 16384 / (W * W * T * ranges), [&](int64_t begin, int64_t end) {
        float* by_output = scratch(Slot::output, size_t(W * W * T));
        if (!by_output) whole = false;
        for (int64_t i = begin; i < end && by_output; i++)
            sum_weight_block(partial, ranges, T, C, O, i % across * W, i / across * W, by_output, dweight);
    });
    return whole;
}

}  // namespace rushlight
