// The thread pool behind parallel_for. A region is published in one atomic word: its generation, and below it the first
// range that is unclaimed and the end of those that are. The caller takes ranges from the front and the workers from
// the back, one by one, so a worker that the system does not run costs nothing: the caller does all the work itself.
// And what lies in a core's cache after one region (the first or the last rows of a weight, of its gradient, of the
// optimizer's state) is wanted by the same core in the next. Idle workers spin for a short while, since the next region
// of a training step is microseconds away, then sleep. Only one region runs at a time: a second Python thread that
// comes meanwhile runs its own region serially.
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <initializer_list>
#include <mutex>

namespace rushlight {
namespace {

constexpr int MAX_THREADS = 256;
constexpr auto SPIN_TIME = std::chrono::microseconds(100);
constexpr int SPINS_PER_LOOK = 64;  // pauses between looks at the clock
constexpr int SPINS_BEFORE_YIELD = 2000;
constexpr int64_t MOST_CLAIMS = 65535;  // 16 bits each for the front and the back; more ranges are claimed in groups

using Call = void (*)(const void* body, int64_t begin, int64_t end);

thread_local bool inside_region = false;

inline void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

void run_serially(int64_t begin, int64_t end, int64_t grain, Call call, const void* body) {
    for (; begin < end; begin += grain) call(body, begin, begin + grain < end ? begin + grain : end);
}

struct Pool {
    // The region. Its fields are only read by one who has seen unclaimed ranges in `word`, and only written by the
    // owner of `busy` while there are none.
    std::atomic<uint64_t> word{0};
    std::atomic<int64_t> n{0}, grain{0}, group{0};  // group: the size of what is claimed at once, in ranges of grain
    std::atomic<Call> call{nullptr};
    std::atomic<const void*> body{nullptr};
    std::atomic<uint32_t> unfinished{0};

    std::atomic<bool> busy{false};
    std::atomic<int> limit{1};  // threads that take part, the caller included
    int started = 0;            // workers, guarded by busy

    std::mutex mutex;
    std::condition_variable wake;
    std::atomic<int> sleepers{0};

    static uint64_t front(uint64_t seen) { return seen >> 16 & MOST_CLAIMS; }
    static uint64_t back(uint64_t seen) { return seen & MOST_CLAIMS; }
    static bool unclaimed(uint64_t seen) { return front(seen) < back(seen); }

    // Takes ranges until none is left. A claim succeeds only if the word is still the one whose fields were read.
    void run_unclaimed(bool from_front) {
        uint64_t seen = word.load(std::memory_order_acquire);
        while (unclaimed(seen)) {
            const int64_t size = grain.load(std::memory_order_relaxed), end = n.load(std::memory_order_relaxed);
            const int64_t whole = size * group.load(std::memory_order_relaxed);
            const Call function = call.load(std::memory_order_relaxed);
            const void* argument = body.load(std::memory_order_relaxed);
            const uint64_t claimed = from_front ? seen + (1 << 16) : seen - 1;
            if (!word.compare_exchange_weak(seen, claimed, std::memory_order_acq_rel, std::memory_order_acquire))
                continue;
            const int64_t begin = whole * int64_t(from_front ? front(seen) : back(claimed));
            run_serially(begin, begin + whole < end ? begin + whole : end, size, function, argument);
            unfinished.fetch_sub(1, std::memory_order_release);
            seen = word.load(std::memory_order_acquire);
        }
    }

    void run(int64_t total, int64_t size, Call function, const void* argument) {
        const int64_t ranges = (total + size - 1) / size, together = (ranges + MOST_CLAIMS - 1) / MOST_CLAIMS;
        const uint32_t count = uint32_t((ranges + together - 1) / together);
        n.store(total, std::memory_order_relaxed);
        grain.store(size, std::memory_order_relaxed);
        group.store(together, std::memory_order_relaxed);
        call.store(function, std::memory_order_relaxed);
        body.store(argument, std::memory_order_relaxed);
        unfinished.store(count, std::memory_order_relaxed);
        const uint64_t generation = (word.load(std::memory_order_relaxed) >> 32) + 1;
        word.store(generation << 32 | count, std::memory_order_seq_cst);
        wake_sleepers(count - 1);
        run_unclaimed(true);
        for (int spins = 0; unfinished.load(std::memory_order_acquire) != 0; spins++)
            spins < SPINS_BEFORE_YIELD ? pause() : void(sched_yield());
    }

    void wake_sleepers(uint32_t wanted) {
        if (sleepers.load(std::memory_order_seq_cst) == 0) return;
        {
            std::lock_guard<std::mutex> guard(mutex);
        }  // one who has looked but not yet slept is asleep after this
        if (wanted == 1 && started < limit.load(std::memory_order_relaxed)) return wake.notify_one();
        wake.notify_all();
    }

    void sleep(int id) {
        std::unique_lock<std::mutex> guard(mutex);
        sleepers.fetch_add(1, std::memory_order_seq_cst);
        while (!invited(id, word.load(std::memory_order_seq_cst))) wake.wait(guard);
        sleepers.fetch_sub(1, std::memory_order_seq_cst);
    }

    bool invited(int id, uint64_t seen) const { return unclaimed(seen) && id < limit.load(std::memory_order_relaxed); }

    // True once there is work; false when it took too long.
    bool spin(int id) {
        const auto start = std::chrono::steady_clock::now();
        do {
            for (int i = 0; i < SPINS_PER_LOOK; i++, pause())
                if (invited(id, word.load(std::memory_order_relaxed))) return true;
        } while (id < limit.load(std::memory_order_relaxed) && std::chrono::steady_clock::now() - start < SPIN_TIME);
        return false;
    }

    [[noreturn]] void work(int id) {
        inside_region = true;
        for (;;) {
            if (!spin(id)) sleep(id);
            run_unclaimed(false);
        }
    }

    // Workers block all signals, so that Python's handlers see them in its own threads.
    void start_workers() {
        if (started >= limit.load() - 1) return;
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        while (started < limit.load() - 1 && start_worker(started + 1)) started++;
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    struct Start {
        Pool* pool;
        int id;
    };

    bool start_worker(int id) {
        pthread_t thread;
        auto* start = new Start{this, id};
        auto entry = [](void* argument) -> void* {
            const Start mine = *static_cast<Start*>(argument);
            delete static_cast<Start*>(argument);
            mine.pool->work(mine.id);
        };
        if (pthread_create(&thread, nullptr, entry, start) == 0) return pthread_detach(thread) == 0;
        delete start;
        return false;  // no more threads to be had: regions run on those there are
    }
};

int allowed_cores() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return int(sysconf(_SC_NPROCESSORS_ONLN));
}

int clamp(int threads) { return threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads; }

int default_threads() {
    for (const char* name : {"RUSHLIGHT_NUM_THREADS", "OMP_NUM_THREADS"}) {
        const char* value = std::getenv(name);
        if (value && std::atoi(value) > 0) return clamp(std::atoi(value));
    }
    return clamp(allowed_cores());
}

Pool* pool = nullptr;  // never deleted: workers may hold it until the process ends

// A forked child has none of its parent's workers, and locks may have been held at the fork: it starts afresh.
void start_afresh() {
    const int limit = pool->limit.load();
    pool = new Pool;
    pool->limit.store(limit);
    inside_region = false;
}

Pool* make_pool() {
    pool = new Pool;
    pool->limit.store(default_threads());
    pthread_atfork(nullptr, nullptr, start_afresh);
    return pool;
}

Pool& the_pool() {
    static Pool* const made = make_pool();
    (void)made;
    return *pool;
}

}  // namespace

int get_num_threads() { return the_pool().limit.load(); }

void set_num_threads(int threads) { the_pool().limit.store(clamp(threads)); }

void run_ranges(int64_t n, int64_t grain, Call call, const void* body) {
    Pool& pool = the_pool();
    const bool serial = inside_region || pool.limit.load(std::memory_order_relaxed) == 1;
    if (serial || pool.busy.exchange(true, std::memory_order_acquire)) return run_serially(0, n, grain, call, body);
    inside_region = true;
    pool.start_workers();
    pool.run(n, grain, call, body);
    inside_region = false;
    pool.busy.store(false, std::memory_order_release);
}

}  // namespace rushlight
