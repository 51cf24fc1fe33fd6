// Changing the order of dimensions in memory: between planes (N, C, S) and channels-last images (N, S, C).
#include "kernels.h"
#include "parallel.h"
#include "transpose.h"

namespace rushlight {

void transpose_batch(const float* x, int64_t N, int64_t R, int64_t C, float* y) {
    const int64_t height = max(W, 16384 / max(C, 1) / W * W), blocks = ceil_div(R, height);
    parallel_for(N * blocks, 1 + 65536 / (height * C), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const int64_t n = i / blocks, r = i % blocks * height;
            copy_transposed(x + (n * R + r) * C, C, min(height, R - r), C, y + n * R * C + r, R);
        }
    });
}

}  // namespace rushlight
