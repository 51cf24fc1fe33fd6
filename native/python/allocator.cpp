// A caching allocator under NumPy. A training step makes and drops the same large arrays over and over; the system
// takes their pages back at each drop and hands out fresh ones, cleared, at each page fault. Here a freed block goes to
// the list of its size class and the next array of that class takes it. Every block starts with a header of one cache
// line that holds its class, so the data is aligned to 64 bytes and freeing needs no size.
//
// The first touch of memory costs more than the work on it, unless pages are huge: a ResNet's first step took twice the
// time of a later one. So blocks from 256 KB on are cut one after the other from chunks of address space that ask for
// huge pages. A chunk is never unmapped: a block that goes back to the system gives up its pages and keeps its address.
//
// NumPy keeps the choice of an allocator per context (a new Python thread starts with NumPy's own): arrays remember
// which one they came from, so the two mix freely.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "python/binding.h"

namespace rushlight {
namespace {

constexpr size_t LINE = 64;
constexpr size_t PAGE = 4096;
constexpr size_t HUGE_PAGE = size_t(2) << 20;
constexpr size_t CHUNK = size_t(64) << 20;
constexpr size_t CUT_FROM = size_t(1) << 18;  // from here on blocks are cut from chunks, and so are zero at first
constexpr size_t MAPPED_FROM = CHUNK / 2;     // from here on each block is a mapping of its own
constexpr int STEPS = 8;                      // size classes between a power of two and the next: 12 % waste at most
constexpr int CLASSES = 48 * STEPS;

struct alignas(LINE) Block {
    Block* next;      // in the list of its class
    size_t capacity;  // bytes, this header included; a multiple of LINE
    int size_class;
};

// Classes 0..STEPS-1 hold 1..STEPS lines; each further STEPS classes divide the way to the next power of two evenly.
int class_of(size_t lines) {
    if (lines <= STEPS) return int(lines) - 1;
    const int shift = 63 - __builtin_clzll(lines - 1) - 3;  // so that (lines - 1) >> shift is in STEPS..2 STEPS - 1
    return shift * STEPS + int((lines - 1) >> shift);
}
size_t lines_in(int size_class) {
    if (size_class < STEPS) return size_t(size_class) + 1;
    const int shift = size_class / STEPS - 1;
    return size_t(size_class % STEPS + STEPS + 1) << shift;
}

class SpinLock {
    std::atomic<bool> held{false};

public:
    void lock() {
        while (held.exchange(true, std::memory_order_acquire)) sched_yield();
    }
    void unlock() { held.store(false, std::memory_order_release); }
};

struct Cache {
    SpinLock lock;
    Block* free[CLASSES] = {};
    Block* empty[CLASSES] = {};            // without pages: what was cut from chunks and given back
    char *next = nullptr, *end = nullptr;  // what is left of the newest chunk
    size_t cached = 0;                     // bytes in the lists
    size_t in_use = 0;                     // bytes in arrays
    size_t limit = 0;                      // of `cached`
    uint64_t hits = 0, misses = 0;
};
Cache cache;

size_t default_limit() {
    const char* megabytes = std::getenv("RUSHLIGHT_CACHE_MB");
    if (megabytes) return size_t(std::strtoull(megabytes, nullptr, 10)) << 20;
    return size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGESIZE)) / 4;
}

void* map(size_t bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

// Maps more than is asked for and gives back what lies outside the part aligned to huge pages.
char* map_huge(size_t bytes) {
    char* start = static_cast<char*>(map(bytes + HUGE_PAGE));
    if (!start) return nullptr;
    const size_t before = (HUGE_PAGE - reinterpret_cast<uintptr_t>(start) % HUGE_PAGE) % HUGE_PAGE;
    if (before) munmap(start, before);
    if (HUGE_PAGE - before) munmap(start + before + bytes, HUGE_PAGE - before);
#if defined(MADV_HUGEPAGE)
    madvise(start + before, bytes, MADV_HUGEPAGE);
#endif
    return start + before;
}

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

Block* pop(Block*& list) {
    Block* first = list;
    if (first) list = first->next;
    return first;
}

void push(Block*& list, Block* block) {
    block->next = list;
    list = block;
}

// The next `bytes` of the newest chunk; what too small a rest would have held is never touched.
Block* cut(size_t bytes) {
    if (size_t(cache.end - cache.next) < bytes) {
        char* chunk = map_huge(CHUNK);
        if (!chunk) return nullptr;
        cache.next = chunk;
        cache.end = chunk + CHUNK;
    }
    char* start = cache.next;
    cache.next += bytes;
    return reinterpret_cast<Block*>(start);
}

// *fresh tells whether the block holds zeros.
Block* from_system(int size_class, size_t capacity, bool* fresh) {
    *fresh = capacity >= CUT_FROM;
    if (capacity < CUT_FROM) return static_cast<Block*>(std::aligned_alloc(LINE, capacity));
    if (capacity >= MAPPED_FROM) return reinterpret_cast<Block*>(map_huge(round_up(capacity, HUGE_PAGE)));
    cache.lock.lock();
    Block* block = pop(cache.empty[size_class]);
    if (block)
        *fresh = false;  // its first page was kept
    else
        block = cut(round_up(capacity, PAGE));
    cache.lock.unlock();
    return block;
}

void to_system(Block* block) {
    const size_t capacity = block->capacity;
    if (capacity < CUT_FROM) return std::free(block);
    if (capacity >= MAPPED_FROM) return void(munmap(block, round_up(capacity, HUGE_PAGE)));
    madvise(reinterpret_cast<char*>(block) + PAGE, round_up(capacity, PAGE) - PAGE, MADV_DONTNEED);
    cache.lock.lock();
    push(cache.empty[block->size_class], block);
    cache.lock.unlock();
}

// Takes all cached blocks out under the lock, so that they can be given back without it.
Block* take_everything() {
    Block* all = nullptr;
    cache.lock.lock();
    for (Block*& list : cache.free)
        while (Block* block = pop(list)) push(all, block);
    cache.cached = 0;
    cache.lock.unlock();
    return all;
}

void empty_cache() {
    for (Block* block = take_everything(); block;) {
        Block* next = block->next;
        to_system(block);
        block = next;
    }
}

Block* from_cache(int size_class, size_t capacity) {
    cache.lock.lock();
    Block* block = pop(cache.free[size_class]);
    if (block) cache.cached -= capacity;
    block ? cache.hits++ : cache.misses++;
    cache.in_use += capacity;
    cache.lock.unlock();
    return block;
}

// A block for `bytes` of data; *fresh tells whether it holds zeros.
void* allocate(size_t bytes, bool* fresh) {
    if (bytes > size_t(1) << 46) return nullptr;
    const int size_class = class_of((bytes + LINE - 1) / LINE + 1);
    const size_t capacity = lines_in(size_class) * LINE;
    Block* block = from_cache(size_class, capacity);
    *fresh = false;
    if (!block) block = from_system(size_class, capacity, fresh);
    if (!block) {
        empty_cache();
        block = from_system(size_class, capacity, fresh);
    }
    if (!block) {
        cache.lock.lock();
        cache.in_use -= capacity;
        cache.lock.unlock();
        return nullptr;
    }
    block->capacity = capacity;
    block->size_class = size_class;
    return block + 1;
}

void* numpy_malloc(void*, size_t bytes) {
    bool fresh;
    return allocate(bytes, &fresh);
}

void* numpy_calloc(void*, size_t count, size_t each) {
    size_t bytes;
    if (__builtin_mul_overflow(count, each, &bytes)) return nullptr;
    bool fresh;
    void* data = allocate(bytes, &fresh);
    return data && !fresh ? std::memset(data, 0, bytes) : data;
}

void numpy_free(void*, void* data, size_t) {
    if (!data) return;
    Block* block = static_cast<Block*>(data) - 1;
    cache.lock.lock();
    cache.in_use -= block->capacity;
    const bool keep = cache.cached + block->capacity <= cache.limit;
    if (keep) {
        push(cache.free[block->size_class], block);
        cache.cached += block->capacity;
    }
    cache.lock.unlock();
    if (!keep) to_system(block);
}

void* numpy_realloc(void*, void* data, size_t bytes) {
    bool fresh;
    void* moved = nullptr;
    const size_t room = data ? (static_cast<Block*>(data) - 1)->capacity - LINE : 0;
    if (data && bytes <= room && bytes >= room / 2) return data;
    if (!(moved = allocate(bytes, &fresh))) return nullptr;
    if (data) std::memcpy(moved, data, bytes < room ? bytes : room);
    numpy_free(nullptr, data, 0);
    return moved;
}

PyDataMem_Handler handler = {"rushlight_cache", 1, {nullptr, numpy_malloc, numpy_calloc, numpy_realloc, numpy_free}};

// A fork must not copy the lists half changed.
void before_fork() { cache.lock.lock(); }
void after_fork() { cache.lock.unlock(); }

// --- methods -----------------------------------------------------------------------------------------------------

PyObject* use_allocator(PyObject*, PyObject*) {
    static bool prepared = false;
    if (!prepared) {
        cache.limit = default_limit();
        pthread_atfork(before_fork, after_fork, after_fork);
        prepared = true;
    }
    Ref capsule(PyCapsule_New(&handler, "mem_handler", nullptr));
    if (!capsule) return nullptr;
    Ref before(PyDataMem_SetHandler(capsule.get()));
    if (!before) return nullptr;
    Py_RETURN_NONE;
}

PyObject* allocator_info(PyObject*, PyObject*) {
    cache.lock.lock();
    const Cache& c = cache;
    const size_t cached = c.cached, in_use = c.in_use, limit = c.limit;
    const uint64_t hits = c.hits, misses = c.misses;
    cache.lock.unlock();
    return Py_BuildValue("{s:n,s:n,s:n,s:K,s:K}", "cached", Py_ssize_t(cached), "in_use", Py_ssize_t(in_use), "limit",
                         Py_ssize_t(limit), "hits", (unsigned long long)hits, "misses", (unsigned long long)misses);
}

PyObject* release_cache(PyObject*, PyObject*) {
    empty_cache();
    Py_RETURN_NONE;
}

PyObject* limit_cache(PyObject*, PyObject* bytes) {
    const Py_ssize_t limit = PyLong_AsSsize_t(bytes);
    if (limit == -1 && PyErr_Occurred()) return nullptr;
    if (limit < 0) return PyErr_Format(PyExc_ValueError, "set_cache_limit: expected bytes >= 0, got %zd", limit);
    cache.lock.lock();
    cache.limit = size_t(limit);
    const bool over = cache.cached > cache.limit;
    cache.lock.unlock();
    if (over) empty_cache();
    Py_RETURN_NONE;
}

}  // namespace

PyMethodDef allocator_methods[] = {
    {"use_allocator", use_allocator, METH_NOARGS, "Makes NumPy arrays of the current context come from the cache."},
    {"allocator_info", allocator_info, METH_NOARGS, "Bytes cached, in use and allowed; hits and misses."},
    {"empty_cache", release_cache, METH_NOARGS, "Gives all cached blocks back to the system."},
    {"set_cache_limit", limit_cache, METH_O, "Sets how many bytes freed blocks may hold."},
    {},
};

}  // namespace rushlight
