// A random permutation by the shuffle of Fisher and Yates: the plain loop that rushlight/random/discrete.py avoids.
#include <utility>

#include "kernels.h"

namespace rushlight {

void shuffled(const uint64_t* words, int64_t n, int64_t* order) {
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = 0; i + 1 < n; i++) std::swap(order[i], order[i + uint32_t(words[i]) % uint32_t(n - i)]);
}

}  // namespace rushlight
