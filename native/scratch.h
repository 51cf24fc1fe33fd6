// Working memory of a thread: it grows to what is asked for and stays, so that steady work allocates nothing. Each use
// has a slot of its own, whose content lasts until the slot is asked for again by the same thread.
#pragma once

#include <cstddef>

namespace rushlight {

enum class Slot { panels, rows, partial_sums, tiles, input, output, COUNT };

// At least `count` floats, aligned to 64 bytes, with any content; nullptr if there is no memory.
float* scratch(Slot slot, size_t count);

}  // namespace rushlight
