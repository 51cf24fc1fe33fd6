// The only threading construct: parallel_for cuts 0..n into ranges of `grain` and calls body(begin, end) on each, on
// several cores if there are several ranges. The cut depends on n and grain alone, never on the number of threads, so a
// kernel whose ranges write apart (or leave partial sums that are added in order afterwards) gives the same bits for
// any number of threads. Calls inside a body run serially.
#pragma once

#include <cstdint>

namespace rushlight {

// How many threads regions may use, the caller included. At first: RUSHLIGHT_NUM_THREADS, OMP_NUM_THREADS, or the cores
// that this process may run on.
int get_num_threads();
void set_num_threads(int threads);

void run_ranges(int64_t n, int64_t grain, void (*call)(const void* body, int64_t begin, int64_t end), const void* body);

template <class Body>
void parallel_for(int64_t n, int64_t grain, const Body& body) {
    if (n <= 0) return;
    if (n <= grain) return body(int64_t(0), n);
    auto call = [](const void* b, int64_t begin, int64_t end) { (*static_cast<const Body*>(b))(begin, end); };
    run_ranges(n, grain, call, &body);
}

}  // namespace rushlight
