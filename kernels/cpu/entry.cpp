// The fibres of shim.h, and the one entry that a test calls. KERNEL is the .cu file that is compiled in.
#include KERNEL

#include <dlfcn.h>
#include <sys/mman.h>

thread_local Dim3 gridDim, blockDim, blockIdx, threadIdx;

extern "C" char __start_shared_memory[] __attribute__((weak));
extern "C" char __stop_shared_memory[] __attribute__((weak));

namespace shim {

constexpr unsigned THREADS = 1024;
constexpr size_t STACK = 128 << 10;

enum class State { Ready, AtBarrier, AtWarp, Done };

struct Fibre {
    jmp_buf at;
    bool started;
    State state;
    unsigned exchanges;
};

static Fibre fibres[THREADS];
static jmp_buf scheduler;
static unsigned current;
static char* stacks;
static uint64_t exchanged[THREADS / 32][2][32];
static const char* failure;
static void (*body)();

void wait(State state) {
    fibres[current].state = state;
    if (_setjmp(fibres[current].at) == 0) {
        _longjmp(scheduler, 1);
    }
}

void wait_for_block() { wait(State::AtBarrier); }
void wait_for_warp() { wait(State::AtWarp); }
uint64_t* exchange() { return exchanged[current / 32][fibres[current].exchanges++ % 2]; }

void fail(const char* what) {
    if (!failure) {
        failure = what;
    }
    wait(State::Done);
}

static void begin() {
    body();
    fibres[current].state = State::Done;
    _longjmp(scheduler, 1);
}

// Runs a fibre until it waits or ends.
static void resume(unsigned thread) {
    current = thread;
    threadIdx = {thread, 0, 0};
    if (_setjmp(scheduler) != 0) {
        return;
    }
    if (fibres[thread].started) {
        _longjmp(fibres[thread].at, 1);
    }
    fibres[thread].started = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks + thread * STACK;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, begin, 0);
    setcontext(&context);
}

// Lets those go on that have come as far as all the others of their warp or block; false where nobody can.
static bool release(unsigned threads) {
    bool any = false, all_at_barrier = true, all_done = true;
    for (unsigned first = 0; first < threads; first += 32) {
        bool together = true;
        for (unsigned thread = first; thread < first + 32; ++thread) {
            const State state = fibres[thread].state;
            together = together && state == State::AtWarp;
            all_at_barrier = all_at_barrier && state == State::AtBarrier;
            all_done = all_done && state == State::Done;
        }
        for (unsigned thread = first; together && thread < first + 32; ++thread) {
            fibres[thread].state = State::Ready;
        }
        any = any || together;
    }
    for (unsigned thread = 0; all_at_barrier && thread < threads; ++thread) {
        fibres[thread].state = State::Ready;
    }
    return any || all_at_barrier || all_done;
}

static bool run_block(unsigned threads, const unsigned* order) {
    if (__start_shared_memory) {
        memset(__start_shared_memory, 0xff, __stop_shared_memory - __start_shared_memory);
    }
    for (unsigned thread = 0; thread < threads; ++thread) {
        fibres[thread].started = false;
        fibres[thread].state = State::Ready;
        fibres[thread].exchanges = 0;
    }
    for (unsigned done = 0; done < threads;) {
        done = 0;
        for (unsigned at = 0; at < threads; ++at) {
            if (fibres[order[at]].state == State::Ready) {
                resume(order[at]);
            }
            done += fibres[order[at]].state == State::Done;
        }
        if (!release(threads) && !failure) {
            failure = "a barrier or a shuffle that some threads never reach";
        }
        if (failure) {
            return false;
        }
    }
    return true;
}

}  // namespace shim

// Runs a kernel of this library on `grid` blocks of `threads`. Arguments are pointers and integers, which a call passes
// in 64 bits each. Order: 0 ascending, 1 descending, any other the seed of a shuffle. Null, or what went wrong.
extern "C" const char* shim_launch(const char* name, const unsigned grid[3], unsigned threads, const uint64_t* arguments,
                                   unsigned count, uint64_t order) {
    typedef void (*Kernel)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
    static Kernel kernel;
    static uint64_t a[16];
    Dl_info library;
    dladdr(reinterpret_cast<void*>(&shim_launch), &library);
    void* handle = dlopen(library.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    kernel = reinterpret_cast<Kernel>(handle ? dlsym(handle, name) : nullptr);
    if (!kernel) {
        return "no kernel of that name";
    }
    if (threads == 0 || threads > shim::THREADS || threads % 32 != 0 || count > 16) {
        return "a shape or a number of arguments that no launch has";
    }
    memset(a, 0, sizeof a);
    memcpy(a, arguments, count * sizeof *a);
    shim::body = [] {
        kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14], a[15]);
    };
    if (!shim::stacks) {
        void* memory = mmap(nullptr, shim::THREADS * shim::STACK, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            return "no memory for the stacks";
        }
        shim::stacks = static_cast<char*>(memory);
    }
    unsigned turns[shim::THREADS];
    for (unsigned at = 0; at < threads; ++at) {
        turns[at] = order == 1 ? threads - 1 - at : at;
    }
    for (unsigned at = threads; order > 1 && at > 1; --at) {
        order = order * 6364136223846793005u + 1442695040888963407u;
        const unsigned other = static_cast<unsigned>((order >> 33) % at), kept = turns[at - 1];
        turns[at - 1] = turns[other];
        turns[other] = kept;
    }
    shim::failure = nullptr;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {threads, 1, 1};
    for (unsigned z = 0; z < grid[2]; ++z) {
        for (unsigned y = 0; y < grid[1]; ++y) {
            for (unsigned x = 0; x < grid[0]; ++x) {
                blockIdx = {x, y, z};
                if (!shim::run_block(threads, turns)) {
                    return shim::failure;
                }
            }
        }
    }
    return nullptr;
}
