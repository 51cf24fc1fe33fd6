// Scratch memory: one growing block per thread and slot, freed when its thread ends.
#include "scratch.h"

#include <cstdlib>

namespace rushlight {
namespace {

struct Buffer {
    float* data = nullptr;
    size_t count = 0;
    ~Buffer() { std::free(data); }
};

thread_local Buffer buffers[int(Slot::COUNT)];

}  // namespace

float* scratch(Slot slot, size_t count) {
    Buffer& buffer = buffers[int(slot)];
    if (count > buffer.count) {
        std::free(buffer.data);
        const size_t rounded = (count + 1023) / 1024 * 1024;
        buffer.data = static_cast<float*>(std::aligned_alloc(64, rounded * sizeof(float)));
        buffer.count = buffer.data ? rounded : 0;
    }
    return buffer.data;
}

}  // namespace rushlight
