// Reading and writing at places that an index names along one dimension: gather, scatter, scatter_add, and the same for
// whole slices, where the index does not change along the last dimension.
#include <atomic>
#include <cstring>

#include "kernels.h"
#include "parallel.h"
#include "simd.h"

namespace rushlight {
namespace {

constexpr int64_t RANGE = 1 << 14;  // elements worth a range of parallel_for
constexpr int64_t COLUMNS = 256;    // of a slice that a range writes, where there are few of O

// body(place, element of (O, K, I), count): runs of the last dimension i .. end of step k whose places lie side by
// side.
template <class Body>
void for_runs(const Lanes& s, int64_t o, int64_t k, int64_t i, int64_t end, const Body& body) {
    const int64_t* index = s.index + o * s.index_o + k * s.index_k;
    const int64_t element = (o * s.K + k) * s.I;
    if (s.index_i == 0) return body((o * s.S + index[0]) * s.I + i, element + i, end - i);
    for (; i < end; i++) body((o * s.S + index[i * s.index_i]) * s.I + i, element + i, 1);
}

// In an order in which no two ranges write the same place, and one range writes in the order of k.
template <class Body>
void for_writes(const Lanes& s, const Body& body) {
    const int64_t width = s.O < 16 ? min(s.I, COLUMNS) : s.I, across = ceil_div(s.I, width);
    parallel_for(s.O * across, max(1, RANGE / (s.K * width)), [&](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; item++) {
            const int64_t i = item % across * width;
            for (int64_t k = 0; k < s.K; k++) for_runs(s, item / across, k, i, min(s.I, i + width), body);
        }
    });
}

// The same where the index is along the last dimension (I = 1): one element at a time, and nothing else to do.
template <class Body>
void for_elements(const Lanes& s, int64_t begin, int64_t end, const Body& body) {
    for (int64_t o = begin; o < end; o++) {
        const int64_t* index = s.index + o * s.index_o;
        const int64_t from = o * s.S, to = o * s.K;
        for (int64_t k = 0; k < s.K; k++) body(from + index[k * s.index_k], to + k);
    }
}

template <class Body>
void for_rows(const Lanes& s, const Body& body) {
    parallel_for(s.O, max(1, RANGE / s.K), [&](int64_t begin, int64_t end) { for_elements(s, begin, end, body); });
}

template <class T>
void copy_run(T* to, const T* from, int64_t n) {
    if (n == 1)
        *to = *from;
    else
        std::memcpy(to, from, size_t(n) * sizeof(T));
}

template <class T>
void gather_elements(const Lanes& s, const T* x, T* y) {
    if (s.I == 1 && s.O > 1) return for_rows(s, [=](int64_t place, int64_t element) { y[element] = x[place]; });
    parallel_for(s.O * s.K, max(1, RANGE / s.I), [&](int64_t begin, int64_t end) {
        int64_t o = begin / s.K, k = begin % s.K;
        for (int64_t r = begin; r < end; r++) {
            for_runs(s, o, k, 0, s.I,
                     [=](int64_t place, int64_t element, int64_t n) { copy_run(y + element, x + place, n); });
            if (++k == s.K) k = 0, o++;
        }
    });
}

template <class T>
void scatter_elements(const Lanes& s, const T* src, T* out) {
    if (s.I == 1) return for_rows(s, [=](int64_t place, int64_t element) { out[place] = src[element]; });
    for_writes(s, [=](int64_t place, int64_t element, int64_t n) { copy_run(out + place, src + element, n); });
}

}  // namespace

bool all_below(const int64_t* index, int64_t n, int64_t size) {
    std::atomic<bool> found{false};
    parallel_for(n, RANGE, [&](int64_t begin, int64_t end) {
        uint64_t signs = 0;  // the highest bit is set by a negative index, and by one above size - 1
        for (int64_t i = begin; i < end; i++) signs |= uint64_t(index[i]) | (uint64_t(size - 1) - uint64_t(index[i]));
        if (signs >> 63) found = true;
    });
    return !found;
}

void gather(const Lanes& s, int size, const void* x, void* y) {
    if (size == 4)
        gather_elements(s, static_cast<const int32_t*>(x), static_cast<int32_t*>(y));
    else
        gather_elements(s, static_cast<const int64_t*>(x), static_cast<int64_t*>(y));
}

void scatter(const Lanes& s, int size, const void* src, void* out) {
    if (size == 4)
        scatter_elements(s, static_cast<const int32_t*>(src), static_cast<int32_t*>(out));
    else
        scatter_elements(s, static_cast<const int64_t*>(src), static_cast<int64_t*>(out));
}

void scatter_add(const Lanes& s, const float* src, float* out) {
    if (s.I == 1) return for_rows(s, [=](int64_t place, int64_t element) { out[place] += src[element]; });
    for_writes(s, [=](int64_t place, int64_t element, int64_t n) {
        float* to = out + place;
        const float* from = src + element;
        for (int64_t i = 0; i < n; i++) to[i] += from[i];
    });
}

void one_hot(const int64_t* index, int64_t R, int64_t C, int64_t* y) {
    parallel_for(R, max(1, RANGE / C), [=](int64_t begin, int64_t end) {
        std::memset(y + begin * C, 0, size_t((end - begin) * C) * sizeof(int64_t));
        for (int64_t r = begin; r < end; r++) y[r * C + index[r]] = 1;
    });
}

}  // namespace rushlight
