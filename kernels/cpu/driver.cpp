// A CUDA driver with one device that is none: kernels run on the CPU by shim.h, so that a program which calls the driver can be
// run where there is no GPU. Built as libcuda.so.1; PRETEND_KERNELS names the folder with the kernels' libraries.
//
// It is as strict as a driver may be. Nothing that is asked of a stream is done before somebody waits for it; addresses and
// lengths are checked; a call without a current context fails; arguments have the sizes that the PTX of the kernel declares; and
// what is still held when the device is released is told of. PRETEND_MEMORY is its memory in bytes (1 GiB), PRETEND_FAIL the
// name of a function that fails.
#include <dirent.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#define DRIVER extern "C" __attribute__((visibility("default")))

namespace {

enum Status { SUCCESS = 0, INVALID = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 101, NO_CONTEXT = 201, NOT_FOUND = 500, LAUNCH_FAILED = 719 };

typedef const char* (*Launch)(const char*, const unsigned*, unsigned, const uint64_t*, unsigned, uint64_t);

struct Stream {
    std::vector<std::function<int()>> operations;
};

struct Function {
    std::string name;
    std::vector<size_t> sizes;
    Launch launch;
};

std::recursive_mutex lock;
std::map<uint64_t, size_t> device_memory;
std::map<void*, size_t> pinned;
thread_local void* current = nullptr;

size_t capacity() {
    const char* bytes = getenv("PRETEND_MEMORY");
    return bytes ? strtoull(bytes, nullptr, 10) : size_t{1} << 30;
}

// What a call begins with: a context, and no wish that it fail.
int ready(const char* function) {
    const char* fails = getenv("PRETEND_FAIL");
    if (fails && strcmp(fails, function) == 0) {
        return LAUNCH_FAILED;
    }
    return current ? SUCCESS : NO_CONTEXT;
}

bool holds(uint64_t address, size_t bytes) {
    auto after = device_memory.upper_bound(address);
    if (after == device_memory.begin()) {
        return false;
    }
    --after;
    return address - after->first + bytes <= after->second;
}

int ask(void* stream, const char* function, bool allowed, std::function<int()> operation) {
    const std::lock_guard<std::recursive_mutex> turn(lock);
    const int status = ready(function);
    if (status == SUCCESS && allowed) {
        static_cast<Stream*>(stream)->operations.push_back(operation);
    }
    return status != SUCCESS ? status : allowed ? SUCCESS : INVALID;
}

// The library that has this kernel.
Launch launcher(const std::string& name) {
    const char* folder = getenv("PRETEND_KERNELS");
    DIR* entries = folder ? opendir(folder) : nullptr;
    Launch found = nullptr;
    while (const dirent* entry = entries ? readdir(entries) : nullptr) {
        const std::string file = entry->d_name;
        if (file.size() < 3 || file.compare(file.size() - 3, 3, ".so") != 0) {
            continue;
        }
        void* library = dlopen((std::string(folder) + "/" + file).c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library && dlsym(library, name.c_str())) {
            found = reinterpret_cast<Launch>(dlsym(library, "shim_launch"));
        }
    }
    if (entries) {
        closedir(entries);
    }
    return found;
}

}  // namespace

DRIVER int cuInit(unsigned) { return SUCCESS; }
DRIVER int cuDriverGetVersion(int* version) { return *version = 13000, SUCCESS; }
DRIVER int cuDeviceGetCount(int* count) { return *count = 1, SUCCESS; }
DRIVER int cuDeviceGet(int* device, int ordinal) { return *device = ordinal, ordinal == 0 ? SUCCESS : NO_DEVICE; }
DRIVER int cuDeviceGetName(char* name, int size, int) { return snprintf(name, size, "Pretended device"), SUCCESS; }
DRIVER int cuDeviceGetAttribute(int* value, int attribute, int) {
    // Compute capability 9.0.
    return *value = attribute == 75 ? 9 : 0, SUCCESS;
}
DRIVER int cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = capacity(), SUCCESS; }
DRIVER int cuDevicePrimaryCtxRetain(void** context, int) { return *context = &device_memory, SUCCESS; }
DRIVER int cuDevicePrimaryCtxRelease_v2(int) {
    fprintf(stderr, "released with %zu buffers and %zu pinned\n", device_memory.size(), pinned.size());
    return SUCCESS;
}
DRIVER int cuCtxSetCurrent(void* context) { return current = context, SUCCESS; }
// NVRTC looks for an interface here that this driver lacks.
DRIVER int cuGetExportTable(const void** table, const void*) { return *table = nullptr, NOT_FOUND; }
DRIVER int cuGetErrorName(int, const char** text) { return *text = "pretended", SUCCESS; }
DRIVER int cuGetErrorString(int error, const char** text) {
    return *text = error == OUT_OF_MEMORY ? "out of memory" : "pretended failure", SUCCESS;
}

DRIVER int cuStreamCreate(void** stream, unsigned) { return *stream = new Stream, ready("cuStreamCreate"); }
DRIVER int cuStreamDestroy_v2(void* stream) { return delete static_cast<Stream*>(stream), SUCCESS; }
DRIVER int cuStreamSynchronize(void* stream) {
    const std::lock_guard<std::recursive_mutex> turn(lock);
    int status = ready("cuStreamSynchronize");
    std::vector<std::function<int()>> operations;
    operations.swap(static_cast<Stream*>(stream)->operations);
    for (size_t at = 0; status == SUCCESS && at < operations.size(); ++at) {
        status = operations[at]();
    }
    return status;
}

DRIVER int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    const std::lock_guard<std::recursive_mutex> turn(lock);
    size_t held = 0;
    for (const auto& buffer : device_memory) {
        held += buffer.second;
    }
    const int status = ready("cuMemAlloc");
    if (status != SUCCESS || held + bytes > capacity()) {
        return status != SUCCESS ? status : OUT_OF_MEMORY;
    }
    void* memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(memory, 0xff, bytes);
    *address = reinterpret_cast<uint64_t>(memory);
    device_memory[*address] = bytes;
    return SUCCESS;
}
DRIVER int cuMemFree_v2(uint64_t address) {
    const std::lock_guard<std::recursive_mutex> turn(lock);
    if (device_memory.erase(address) == 0) {
        return INVALID;
    }
    free(reinterpret_cast<void*>(address));
    return SUCCESS;
}
DRIVER int cuMemHostAlloc(void** address, size_t bytes, unsigned) {
    const std::lock_guard<std::recursive_mutex> turn(lock);
    *address = malloc(bytes);
    pinned[*address] = bytes;
    return ready("cuMemHostAlloc");
}
DRIVER int cuMemFreeHost(void* address) {
    const std::lock_guard<std::recursive_mutex> turn(lock);
    if (pinned.erase(address) == 0) {
        return INVALID;
    }
    free(address);
    return SUCCESS;
}

DRIVER int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* stream) {
    return ask(stream, "cuMemcpyHtoDAsync", holds(to, bytes),
               [=] { return memcpy(reinterpret_cast<void*>(to), from, bytes), SUCCESS; });
}
DRIVER int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream) {
    return ask(stream, "cuMemcpyDtoHAsync", holds(from, bytes),
               [=] { return memcpy(to, reinterpret_cast<void*>(from), bytes), SUCCESS; });
}
DRIVER int cuMemsetD8Async(uint64_t address, unsigned char value, size_t bytes, void* stream) {
    return ask(stream, "cuMemsetD8Async", holds(address, bytes),
               [=] { return memset(reinterpret_cast<void*>(address), value, bytes), SUCCESS; });
}

DRIVER int cuModuleLoadData(void** module, const void* image) {
    *module = new std::string(static_cast<const char*>(image));
    return ready("cuModuleLoadData");
}
DRIVER int cuModuleUnload(void* module) { return delete static_cast<std::string*>(module), SUCCESS; }
DRIVER int cuModuleGetFunction(void** function, void* module, const char* name) {
    const std::lock_guard<std::recursive_mutex> turn(lock);
    static std::map<std::string, Function> known;
    const std::string& ptx = *static_cast<std::string*>(module);
    const size_t begin = ptx.find(std::string(".entry ") + name + "(");
    if (begin == std::string::npos) {
        return NOT_FOUND;
    }
    if (known.find(name) == known.end()) {
        Function made{name, {}, launcher(name)};
        const size_t end = ptx.find(')', begin);
        const std::string word = ".param .";
        for (size_t at = ptx.find(word, begin); at < end; at = ptx.find(word, at + 1)) {
            made.sizes.push_back(ptx.compare(at + word.size() + 1, 2, "32") == 0 ? 4 : 8);
        }
        known[name] = made;
    }
    *function = &known[name];
    return known[name].launch ? ready("cuModuleGetFunction") : NOT_FOUND;
}
DRIVER int cuLaunchKernel(void* handle, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threads_y,
                          unsigned threads_z, unsigned shared, void* stream, void** parameters, void**) {
    const Function function = *static_cast<Function*>(handle);
    std::vector<uint64_t> arguments(function.sizes.size(), 0);
    for (size_t at = 0; at < arguments.size(); ++at) {
        memcpy(&arguments[at], parameters[at], function.sizes[at]);
    }
    const bool allowed = x > 0 && y > 0 && z > 0 && threads <= 1024 && threads_y == 1 && threads_z == 1 && shared == 0;
    return ask(stream, "cuLaunchKernel", allowed, [=] {
        const unsigned grid[3] = {x, y, z};
        const char* failure =
            function.launch(function.name.c_str(), grid, threads, arguments.data(), static_cast<unsigned>(arguments.size()), 1);
        if (failure) {
            fprintf(stderr, "%s: %s\n", function.name.c_str(), failure);
        }
        return failure ? LAUNCH_FAILED : SUCCESS;
    });
}
