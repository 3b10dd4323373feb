// What this machine can do at best, by instruction set, on one thread and on all processors: multiply-adds that never
// leave the registers, and reads of memory. Prints JSON; `npm run bench:limits` makes a table of it.
//
//   limits_bench [NAME ISA]    only limits whose name begins so, on that instruction set

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/json.h"
#include "bench/measure.h"
#include "runtime/cpu.h"
#include "runtime/memory.h"

namespace gemmule::bench {
namespace {

constexpr int kRounds = 5;
constexpr double kRoundSeconds = 0.05;

/// Goes `passes` times through its instructions, or through `bytes` bytes of memory (a multiple of 1024).
using Loop = void (*)(std::int64_t passes, const std::byte* memory, std::int64_t bytes);

// Inline assembly, so that the compiler can neither drop nor rewrite what is measured. It only chooses registers: there
// are fewer chains than registers, and more than latency times instructions a cycle.

#if defined(__aarch64__)
#define GEMMULE_REGISTER "w"
#else
#define GEMMULE_REGISTER "v"
#endif

/// Independent chains of `code`: %0 a sum, %1 a temporary, %2 and %3 factors that hold `value` in every lane.
#define GEMMULE_CHAINS(function, target, Lane, bytes, chains, value, code)             \
  target void function(std::int64_t passes, const std::byte*, std::int64_t) {          \
    typedef Lane Vector __attribute__((vector_size(bytes)));                           \
    Vector sums[chains] = {};                                                          \
    const Vector factor = Vector{} + Lane{value};                                      \
    for (std::int64_t pass = 0; pass < passes; ++pass) {                               \
      _Pragma("GCC unroll 32") for (Vector & sum : sums) {                             \
        Vector temporary;                                                              \
        __asm__ volatile(code                                                          \
                         : "+" GEMMULE_REGISTER(sum), "=&" GEMMULE_REGISTER(temporary) \
                         : GEMMULE_REGISTER(factor), GEMMULE_REGISTER(factor));        \
      }                                                                                \
    }                                                                                  \
  }

/// Loads of everything, both halves at once, which the second-level cache answers faster than one stream.
#define GEMMULE_READS(function, target, bytes, code)                                                           \
  target void function(std::int64_t passes, const std::byte* memory, std::int64_t size) {                      \
    typedef float Vector __attribute__((vector_size(bytes), may_alias));                                       \
    const std::int64_t half = size / 2;                                                                        \
    for (std::int64_t pass = 0; pass < passes; ++pass) {                                                       \
      for (const std::byte* at = memory; at < memory + half; at += 8 * bytes) {                                \
        _Pragma("GCC unroll 16") for (int n = 0; n < 16; ++n) {                                                \
          const std::byte* from = n < 8 ? at + n * bytes : at + half + (n - 8) * bytes;                        \
          Vector loaded;                                                                                       \
          __asm__ volatile(code : "=" GEMMULE_REGISTER(loaded) : "m"(*reinterpret_cast<const Vector*>(from))); \
        }                                                                                                      \
      }                                                                                                        \
    }                                                                                                          \
  }

#if defined(__x86_64__)

#define GEMMULE_ANY
#define GEMMULE_AVX2 __attribute__((target("avx2,fma")))
#if defined(__clang__)
// Clang wants to hear what VNNI and bfloat16 need although they are only named in assembler, and has no word for the
// width.
#define GEMMULE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni,avx512bf16")))
#else
#define GEMMULE_AVX512 __attribute__((target("avx512f,avx512bw,prefer-vector-width=512")))
#endif

constexpr int kFewChains = 12;
constexpr int kManyChains = 24;

GEMMULE_CHAINS(baselineFloat32, GEMMULE_ANY, float, 16, kFewChains, 0.5f,
               "movaps %2, %1\n\tmulps %3, %1\n\taddps %1, %0")
GEMMULE_CHAINS(baselineFloat64, GEMMULE_ANY, double, 16, kFewChains, 0.5,
               "movapd %2, %1\n\tmulpd %3, %1\n\taddpd %1, %0")
GEMMULE_CHAINS(baselineInt8, GEMMULE_ANY, std::int32_t, 16, kFewChains, 0x00110013,
               "movdqa %2, %1\n\tpmaddwd %3, %1\n\tpaddd %1, %0")
GEMMULE_READS(baselineReads, GEMMULE_ANY, 16, "movups %1, %0")

GEMMULE_CHAINS(avx2Float32, GEMMULE_AVX2, float, 32, kFewChains, 0.5f, "vfmadd231ps %3, %2, %0")
GEMMULE_CHAINS(avx2Float64, GEMMULE_AVX2, double, 32, kFewChains, 0.5, "vfmadd231pd %3, %2, %0")
GEMMULE_CHAINS(avx2Int8, GEMMULE_AVX2, std::int32_t, 32, kFewChains, 0x00110013,
               "vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0")
GEMMULE_CHAINS(avx2Dot, GEMMULE_AVX2, std::int32_t, 32, kFewChains, 0x01020304, "%{vex%} vpdpbusd %3, %2, %0")
GEMMULE_READS(avx2Reads, GEMMULE_AVX2, 32, "vmovups %1, %0")

GEMMULE_CHAINS(avx512Float32, GEMMULE_AVX512, float, 64, kManyChains, 0.5f, "vfmadd231ps %3, %2, %0")
GEMMULE_CHAINS(avx512Float64, GEMMULE_AVX512, double, 64, kManyChains, 0.5, "vfmadd231pd %3, %2, %0")
GEMMULE_CHAINS(avx512Int8, GEMMULE_AVX512, std::int32_t, 64, kManyChains, 0x00110013,
               "vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0")
GEMMULE_CHAINS(avx512Dot, GEMMULE_AVX512, std::int32_t, 64, kManyChains, 0x01020304, "vpdpbusd %3, %2, %0")
GEMMULE_CHAINS(avx512Bfloat16, GEMMULE_AVX512, std::int32_t, 64, kManyChains, 0x3f003f00, "vdpbf16ps %3, %2, %0")
GEMMULE_READS(avx512Reads, GEMMULE_AVX512, 64, "vmovups %1, %0")

#elif defined(__aarch64__)

#define GEMMULE_ANY
#define GEMMULE_DOT __attribute__((target("arch=armv8.2-a+dotprod")))

constexpr int kManyChains = 24;

GEMMULE_CHAINS(neonFloat32, GEMMULE_ANY, float, 16, kManyChains, 0.5f, "fmla %0.4s, %2.4s, %3.4s")
GEMMULE_CHAINS(neonFloat64, GEMMULE_ANY, double, 16, kManyChains, 0.5, "fmla %0.2d, %2.2d, %3.2d")
GEMMULE_CHAINS(neonInt8, GEMMULE_ANY, std::int32_t, 16, kManyChains, 0x00110013, "smlal %0.4s, %2.4h, %3.4h")
GEMMULE_CHAINS(neonDot, GEMMULE_DOT, std::int32_t, 16, kManyChains, 0x01020304, "sdot %0.4s, %2.16b, %3.16b")
GEMMULE_READS(neonReads, GEMMULE_ANY, 16, "ldr %q0, %1")

#endif

/// A measurable limit of one instruction set.
struct Limit {
  std::string name;
  const char* isa;
  const char* instructions;
  Loop loop;
  /// Multiplications and additions of a pass, or 0 where memory is read.
  double operations;
  /// What is read, by one thread and by each of all.
  std::int64_t bytes = 0;
  std::int64_t bytesOfEach = 0;
  /// Bytes of the cache that is read from; 0 beyond all.
  std::int64_t capacity = 0;
};

struct Cache {
  std::int64_t bytes = 0;
  int sharers = 1;
};

std::string lineOf(const std::string& file) {
  char buffer[256] = {};
  std::FILE* opened = std::fopen(file.c_str(), "re");
  if (opened == nullptr) return {};
  const bool read = std::fgets(buffer, sizeof buffer, opened) != nullptr;
  std::fclose(opened);
  return read ? buffer : "";
}

/// Processors in a list such as "0-3,8".
int countProcessors(const std::string& list) {
  int count = 0;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    int first = 0;
    int last = 0;
    const int numbers = std::sscanf(list.substr(begin, end - begin).c_str(), "%d-%d", &first, &last);
    count += numbers == 2 ? last - first + 1 : 1;
    begin = end + 1;
  }
  return std::max(count, 1);
}

/// The data caches of the first processor by level, from 1; usual ones where the system does not tell.
std::vector<Cache> dataCaches() {
  std::vector<Cache> caches;
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string type = lineOf(folder + "type");
    if (type.empty()) break;
    if (type.starts_with("Instruction")) continue;
    long long kibibytes = 0;
    if (std::sscanf(lineOf(folder + "size").c_str(), "%lldK", &kibibytes) != 1) break;
    caches.push_back({kibibytes << 10, countProcessors(lineOf(folder + "shared_cpu_list"))});
  }
  if (caches.empty()) return {{32 << 10, 1}, {1 << 20, 1}, {32 << 20, 8}};
  return caches;
}

/// What the threads read, a slice each.
struct Memory {
  MemoryBlock block;
  std::int64_t slice = 0;
};

/// Amount a second on `threads` threads that start together: the median over rounds, from the first start to the last
/// end.
double rateOf(const Limit& limit, std::int64_t passes, int threads, const Memory& memory) {
  const std::int64_t bytes = threads == 1 ? limit.bytes : limit.bytesOfEach;
  struct Times {
    Clock::time_point begin[kRounds];
    Clock::time_point end[kRounds];
  };
  std::vector<Times> times(static_cast<std::size_t>(threads));
  std::barrier start(threads);
  const auto work = [&](int thread) {
    const std::byte* slice = memory.block.data() + thread * memory.slice;
    Times& own = times[static_cast<std::size_t>(thread)];
    limit.loop(std::max<std::int64_t>(passes / 8, 1), slice, bytes);
    for (int round = 0; round < kRounds; ++round) {
      start.arrive_and_wait();
      own.begin[round] = Clock::now();
      limit.loop(passes, slice, bytes);
      own.end[round] = Clock::now();
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  for (std::thread& other : others) other.join();

  const double amount = limit.operations > 0 ? limit.operations : static_cast<double>(bytes);
  std::vector<double> rates;
  for (int round = 0; round < kRounds; ++round) {
    Clock::time_point first = times[0].begin[round];
    Clock::time_point last = times[0].end[round];
    for (const Times& own : times) {
      first = std::min(first, own.begin[round]);
      last = std::max(last, own.end[round]);
    }
    rates.push_back(amount * static_cast<double>(passes) * threads /
                    std::chrono::duration<double>(last - first).count());
  }
  return medianOf(rates);
}

double measure(const Limit& limit, int threads, const Memory& memory) {
  const std::int64_t bytes = threads == 1 ? limit.bytes : limit.bytesOfEach;
  const std::int64_t passes =
      repetitionsFor(kRoundSeconds, [&](std::int64_t n) { limit.loop(n, memory.block.data(), bytes); });
  return rateOf(limit, passes, threads, memory);
}

constexpr std::int64_t kStep = 4096;

/// Reads in every cache and beyond. Threads have caches of their own, or share what is left to one.
void addReads(const char* isa, const char* instruction, Loop loop, int threads, std::int64_t total,
              std::vector<Limit>& limits) {
  const auto round = [](std::int64_t bytes) { return std::max(bytes / kStep * kStep, kStep); };
  const std::vector<Cache> caches = dataCaches();
  for (std::size_t level = 0; level < caches.size(); ++level) {
    const Cache& cache = caches[level];
    const bool shared = cache.sharers > 1 && level >= 2;
    // Others may live in the last cache, too; and it is not to be mistaken for the one before.
    const std::int64_t least = level == 0 ? 0 : 2 * caches[level - 1].bytes;
    const std::int64_t bytes = std::max(cache.bytes / (shared ? 4 : 2), level >= 2 ? least : 0);
    const std::int64_t each = shared ? std::max(bytes / std::min(threads, cache.sharers), least) : bytes;
    limits.push_back(
        {"read L" + std::to_string(level + 1), isa, instruction, loop, 0, round(bytes), round(each), cache.bytes});
  }
  limits.push_back({"read memory", isa, instruction, loop, 0, total, round(total / threads), 0});
}

std::vector<Limit> allLimits(int threads, std::int64_t total) {
  std::vector<Limit> limits;
#if defined(__x86_64__)
  const CpuFeatures& features = cpuFeatures();
  limits.push_back({"float32 fma", "baseline", "mulps, addps", baselineFloat32, kFewChains * 8});
  limits.push_back({"float64 fma", "baseline", "mulpd, addpd", baselineFloat64, kFewChains * 4});
  limits.push_back({"int8 multiply-add", "baseline", "pmaddwd, paddd", baselineInt8, kFewChains * 16});
  addReads("baseline", "movups", baselineReads, threads, total, limits);
  if (features.avx2) {
    limits.push_back({"float32 fma", "avx2", "vfmadd231ps", avx2Float32, kFewChains * 16});
    limits.push_back({"float64 fma", "avx2", "vfmadd231pd", avx2Float64, kFewChains * 8});
    limits.push_back({"int8 multiply-add", "avx2", "vpmaddwd, vpaddd", avx2Int8, kFewChains * 32});
    // Newer processors only, so not a limit of AVX2.
    if (features.avxVnni) limits.push_back({"int8 dot product", "avxvnni", "vpdpbusd", avx2Dot, kFewChains * 64});
    addReads("avx2", "vmovups", avx2Reads, threads, total, limits);
  }
  if (features.avx512) {
    limits.push_back({"float32 fma", "avx512", "vfmadd231ps", avx512Float32, kManyChains * 32});
    limits.push_back({"float64 fma", "avx512", "vfmadd231pd", avx512Float64, kManyChains * 16});
    limits.push_back({"int8 multiply-add", "avx512", "vpmaddwd, vpaddd", avx512Int8, kManyChains * 64});
    if (features.avx512Vnni) {
      limits.push_back({"int8 dot product", "avx512", "vpdpbusd", avx512Dot, kManyChains * 128});
    }
    if (features.avx512Bf16) {
      limits.push_back({"bfloat16 dot product", "avx512", "vdpbf16ps", avx512Bfloat16, kManyChains * 64});
    }
    addReads("avx512", "vmovups", avx512Reads, threads, total, limits);
  }
#elif defined(__aarch64__)
  limits.push_back({"float32 fma", "neon", "fmla", neonFloat32, kManyChains * 8});
  limits.push_back({"float64 fma", "neon", "fmla", neonFloat64, kManyChains * 4});
  limits.push_back({"int8 multiply-add", "neon", "smlal", neonInt8, kManyChains * 8});
  if (cpuFeatures().neonDotProduct) {
    limits.push_back({"int8 dot product", "neon", "sdot", neonDot, kManyChains * 32});
  }
  addReads("neon", "ldr", neonReads, threads, total, limits);
#endif
  return limits;
}

/// Far more than the caches hold, in huge pages, each slice first touched by the thread that will read it.
Memory makeMemory(int threads, std::int64_t total, std::int64_t slice) {
  const std::int64_t bytes = std::max(total, slice * threads);
  Memory memory{MemoryBlock::make(static_cast<std::size_t>(bytes), MemoryKind::kTensor), slice};
  if (memory.block.data() == nullptr) return memory;
  std::vector<std::thread> touching;
  for (int thread = 0; thread < threads; ++thread) {
    const std::int64_t begin = thread * slice;
    const std::int64_t end = thread == threads - 1 ? bytes : begin + slice;
    touching.emplace_back(
        [&memory, begin, end] { std::memset(memory.block.data() + begin, 1, static_cast<std::size_t>(end - begin)); });
  }
  for (std::thread& thread : touching) thread.join();
  return memory;
}

int run(std::string_view name, std::string_view isa) {
  const int threads = availableProcessors();
  constexpr std::int64_t kLeastTotal = std::int64_t{64} << 20;
  constexpr std::int64_t kMostTotal = std::int64_t{1} << 30;
  const std::int64_t total = std::clamp(4 * dataCaches().back().bytes, kLeastTotal, kMostTotal);
  std::vector<Limit> limits = allLimits(threads, total);
  std::erase_if(
      limits, [&](const Limit& limit) { return !limit.name.starts_with(name) || (!isa.empty() && limit.isa != isa); });
  std::int64_t most = 0;
  std::int64_t slice = kStep;
  for (const Limit& limit : limits) {
    most = std::max(most, limit.bytes);
    slice = std::max(slice, limit.bytesOfEach);
  }
  const Memory memory = makeMemory(threads, most, slice);
  if (memory.block.data() == nullptr) {
    std::fprintf(stderr, "limits_bench: not enough memory\n");
    return 1;
  }
  std::vector<JsonObject> measured;
  for (const Limit& limit : limits) {
    const double one = measure(limit, 1, memory);
    const double all = threads == 1 ? one : measure(limit, threads, memory);
    const char* unit = limit.operations == 0 ? "GB/s" : limit.name.starts_with("int8") ? "GOP/s" : "GFLOP/s";
    measured.push_back(JsonObject()
                           .add("name", limit.name)
                           .add("isa", limit.isa)
                           .add("instructions", limit.instructions)
                           .add("unit", unit)
                           .add("capacity", static_cast<double>(limit.capacity))
                           .add("one", one * 1e-9)
                           .add("all", all * 1e-9));
  }
  std::printf("%s\n", JsonObject().add("threads", threads).add("limits", measured).text().c_str());
  return 0;
}

}  // namespace
}  // namespace gemmule::bench

int main(int count, char** arguments) {
  return gemmule::bench::run(count > 1 ? arguments[1] : "", count > 2 ? arguments[2] : "");
}
