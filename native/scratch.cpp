// Scratch memory: one growing block per thread and slot, freed when its thread ends.
#include "scratch.h"

#include <sys/mman.h>

#include <cstdlib>

namespace rushlight {
namespace {

constexpr size_t HUGE_PAGE = size_t(2) << 20;

struct Buffer {
    float* data = nullptr;
    size_t count = 0;
    ~Buffer() { std::free(data); }
};

// Room for `wanted` floats, *count in all. Large blocks ask for huge pages: they are touched much faster.
float* allocate(size_t wanted, size_t* count) {
    const size_t bytes = wanted * sizeof(float), unit = bytes < HUGE_PAGE / 2 ? 4096 : HUGE_PAGE;
    const size_t rounded = (bytes + unit - 1) / unit * unit;
    void* data = std::aligned_alloc(unit, rounded);
#if defined(MADV_HUGEPAGE)
    if (data && unit == HUGE_PAGE) madvise(data, rounded, MADV_HUGEPAGE);
#endif
    *count = data ? rounded / sizeof(float) : 0;
    return static_cast<float*>(data);
}

thread_local Buffer buffers[int(Slot::COUNT)];

}  // namespace

float* scratch(Slot slot, size_t count) {
    Buffer& buffer = buffers[int(slot)];
    if (count > buffer.count) {
        std::free(buffer.data);
        buffer.data = allocate(count, &buffer.count);
    }
    return buffer.data;
}

}  // namespace rushlight
