// The Mersenne Twister (Matsumoto, Nishimura 1998), and its words as uniform numbers, integers and tosses of a coin. A
// state is the key of N words and, behind it, how many of them were handed out since the last twist.
#include <cmath>

#include "kernels.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int64_t N = TWISTER_WORDS, M = 397;
constexpr int64_t CHUNK = 2048;  // words that are made into samples while they are in L1

uint32_t mixed(uint32_t word, uint32_t next) {
    const uint32_t y = (word & 0x80000000u) | (next & 0x7fffffffu);
    return (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0u);
}

void twist(uint32_t* key) {
    for (int64_t k = 0; k < N - M; k++) key[k] = key[k + M] ^ mixed(key[k], key[k + 1]);
    for (int64_t k = N - M; k < N - 1; k++) key[k] = key[k - (N - M)] ^ mixed(key[k], key[k + 1]);
    key[N - 1] = key[M - 1] ^ mixed(key[N - 1], key[0]);
}

uint32_t tempered(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

void draw(uint32_t* state, int64_t count, uint32_t* words) {
    while (count > 0) {
        if (state[N] == N) twist(state), state[N] = 0;
        const uint32_t* next = state + state[N];
        const int64_t n = min(count, N - int64_t(state[N]));
        for (int64_t i = 0; i < n; i++) words[i] = tempered(next[i]);
        state[N] += uint32_t(n), words += n, count -= n;
    }
}

// sample(words) of each `per` words in turn.
template <int per, class T, class F>
void samples(uint32_t* state, int64_t count, T* out, const F& sample) {
    uint32_t words[CHUNK];
    for (int64_t begin = 0; begin < count; begin += CHUNK / per) {
        const int64_t n = min(CHUNK / per, count - begin);
        draw(state, n * per, words);
        for (int64_t i = 0; i < n; i++) out[begin + i] = sample(words + i * per);
    }
}

// The lower 53 bits of two words, of which the first is the upper half.
int64_t bits53(const uint32_t* words) { return int64_t(words[0] & 0x1fffffu) << 32 | words[1]; }

}  // namespace

void twister_seeded(uint32_t seed, uint32_t* state) {
    state[0] = seed;
    for (uint32_t i = 1; i < N; i++) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
    state[N] = N;
}

void twister_words(uint32_t* state, int64_t n, uint64_t* words) {
    samples<1>(state, n, words, [](const uint32_t* w) { return uint64_t(*w); });
}

void twister_uniform24(uint32_t* state, int64_t n, float* uniforms) {
    samples<1>(state, n, uniforms, [](const uint32_t* w) { return float(int32_t(*w & 0xffffffu)) * 0x1p-24f; });
}

void twister_uniform53(uint32_t* state, int64_t n, double* uniforms) {
    samples<2>(state, n, uniforms, [](const uint32_t* w) { return double(bits53(w)) * 0x1p-53; });
}

void twister_tosses(uint32_t* state, int64_t n, int64_t limit, bool* tosses) {
    samples<2>(state, n, tosses, [=](const uint32_t* w) { return bits53(w) < limit; });
}

void twister_remainders(uint32_t* state, int64_t n, int32_t length, int64_t least, int64_t* integers) {
    const double share = 1.0 / length;
    samples<1>(state, n, integers, [=](const uint32_t* w) {
        const uint32_t quotient = uint32_t(double(*w) * share);  // or one off
        int32_t rest = int32_t(*w - quotient * uint32_t(length));
        rest += rest < 0 ? length : 0;
        return least + (rest >= length ? rest - length : rest);
    });
}

void multiply_add_f32(const float* x, int64_t n, float factor, float offset, float* y) {
    for (int64_t i = 0; i < n; i++) y[i] = std::fma(x[i], factor, offset);
}

void multiply_add_f64(const double* x, int64_t n, double factor, double offset, double* y) {
    for (int64_t i = 0; i < n; i++) y[i] = std::fma(x[i], factor, offset);
}

}  // namespace rushlight
