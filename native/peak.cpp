// What the machine can do at most, for benchmarks to hold kernels against: multiplications and additions in registers,
// and copies between arrays that no cache holds.
#include <chrono>
#include <cstring>

#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int SUMS = 12;  // independent ones, enough for two units of four cycles' latency; with a and b 14 registers
constexpr int64_t STEPS = 400000;
constexpr int TRIES = 10;

float multiply_and_add() {
    volatile float half = 0.5f;  // known only at run time, or all could be worked out beforehand
    const vf a = broadcast(half), b = a + half;
    vf sum[SUMS];
    for (int v = 0; v < SUMS; v++) sum[v] = broadcast(half * float(v));  // apart, or one would stand for all
    for (int64_t i = 0; i < STEPS; i++) {
#pragma GCC unroll 12
        for (int v = 0; v < SUMS; v++) sum[v] = multiply_add(sum[v], a, b);
    }
    float total = 0;
    for (int v = 0; v < SUMS; v++) total += rushlight::sum(sum[v]);
    return total;
}

// Times per second that work() can be done: the best of a few tries.
template <class Work>
double best_rate(const Work& work) {
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const double rate = 1 / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        best = rate > best ? rate : best;
    }
    return best;
}

}  // namespace

double peak_flops() {
    const int threads = get_num_threads();
    volatile float sink = 0;
    const double rate = best_rate([&] {
        parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i++) sink = multiply_and_add();
        });
    });
    return rate * 2.0 * SUMS * W * double(STEPS) * threads;
}

double peak_copy(const float* from, int64_t n, float* to) {
    const double rate = best_rate([=] {
        parallel_for(n, 1 << 16, [=](int64_t begin, int64_t end) {
            std::memcpy(to + begin, from + begin, size_t(end - begin) * sizeof(float));
        });
    });
    return rate * 2.0 * double(n) * sizeof(float);
}

}  // namespace rushlight
