#include "runtime/cpu.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace gemmule {
namespace {

#if defined(__x86_64__)

struct CpuidLeaf {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
  CpuidLeaf result;
  __get_cpuid_count(leaf, subleaf, &result.eax, &result.ebx, &result.ecx, &result.edx);
  return result;
}

/// The register states that the operating system saves and restores (XCR0).
std::uint64_t enabledStates() {
  std::uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

bool bit(std::uint32_t word, int position) { return (word >> position & 1) != 0; }

CpuFeatures detect() {
  CpuFeatures features;
  const CpuidLeaf basic = cpuid(1, 0);
  const bool osxsave = bit(basic.ecx, 27);
  if (!osxsave) return features;
  const std::uint64_t states = enabledStates();
  const bool ymm = (states & 0x6) == 0x6;
  const bool zmm = (states & 0xe6) == 0xe6;
  const CpuidLeaf extended = cpuid(7, 0);
  const CpuidLeaf more = extended.eax >= 1 ? cpuid(7, 1) : CpuidLeaf{};
  const bool fma = bit(basic.ecx, 12);
  const bool f16c = bit(basic.ecx, 29);
  features.avx2 = ymm && fma && f16c && bit(extended.ebx, 5);
  const bool foundation = bit(extended.ebx, 16);
  const bool doubleQuad = bit(extended.ebx, 17);
  const bool byteWord = bit(extended.ebx, 30);
  const bool vectorLength = bit(extended.ebx, 31);
  features.avx512 = features.avx2 && zmm && foundation && doubleQuad && byteWord && vectorLength;
  features.avx512Vnni = features.avx512 && bit(extended.ecx, 11);
  features.avx512Bf16 = features.avx512 && bit(more.eax, 5);
  features.avxVnni = features.avx2 && bit(more.eax, 4);
  return features;
}

#elif defined(__aarch64__)

CpuFeatures detect() {
  CpuFeatures features;
  features.neon = true;
  features.neonDotProduct = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  return features;
}

#else

CpuFeatures detect() { return {}; }

#endif

Isa highestIsa() {
  const CpuFeatures& features = cpuFeatures();
  if (features.neon) return Isa::kNeon;
  if (features.avx512) return Isa::kAvx512;
  return features.avx2 ? Isa::kAvx2 : Isa::kBaseline;
}

Isa chooseIsa() {
  const Isa highest = highestIsa();
  const char* forced = std::getenv("GEMMULE_ISA");
  if (forced == nullptr) return highest;
  for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
    if (std::strcmp(forced, isaName(isa)) != 0) continue;
    const bool sameFamily = isa == Isa::kBaseline || (isa == Isa::kNeon) == (highest == Isa::kNeon);
    return sameFamily ? std::min(isa, highest) : highest;
  }
  return highest;
}

bool readFirstLine(const std::string& path, std::string& line) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return false;
  char buffer[512];
  const bool read = std::fgets(buffer, sizeof buffer, file) != nullptr;
  std::fclose(file);
  if (read) line = buffer;
  return read;
}

/// Processors worth of time that a group may use; 0 when it has no limit.
double quotaOfGroup2(const std::string& folder) {
  std::string line;
  if (!readFirstLine(folder + "/cpu.max", line)) return 0;
  double quota, period;
  return std::sscanf(line.c_str(), "%lf %lf", &quota, &period) == 2 && period > 0 ? quota / period : 0;
}

double quotaOfGroup1(const std::string& folder) {
  std::string quota, period;
  if (!readFirstLine(folder + "/cpu.cfs_quota_us", quota) || !readFirstLine(folder + "/cpu.cfs_period_us", period)) {
    return 0;
  }
  const double microseconds = std::atof(quota.c_str());
  const double length = std::atof(period.c_str());
  return microseconds > 0 && length > 0 ? microseconds / length : 0;
}

/// The tightest quota of a group and those that contain it, mounted at `root`; 0 when none limits.
template <typename QuotaOf>
double quotaUpwards(const std::string& root, std::string group, QuotaOf quotaOf) {
  double tightest = 0;
  while (true) {
    const double quota = quotaOf(root + group);
    if (quota > 0 && (tightest == 0 || quota < tightest)) tightest = quota;
    const std::size_t slash = group.find_last_of('/');
    if (slash == std::string::npos) return tightest;
    group.resize(slash);
  }
}

/// The CPU quota of this process in processors; 0 when there is none. Lines of /proc/self/cgroup are
/// `hierarchy:controllers:path`; version 2 has hierarchy 0 and no controllers.
double cgroupQuota() {
  std::FILE* file = std::fopen("/proc/self/cgroup", "re");
  if (file == nullptr) return 0;
  double tightest = 0;
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, file) != nullptr) {
    std::string line(buffer);
    while (!line.empty() && (line.back() == '\n' || line.back() == '/')) line.pop_back();
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    double quota = 0;
    if (controllers == ",,") {
      quota = quotaUpwards("/sys/fs/cgroup", group, quotaOfGroup2);
    } else if (controllers.find(",cpu,") != std::string::npos) {
      quota = quotaUpwards("/sys/fs/cgroup/cpu", group, quotaOfGroup1);
    }
    if (quota > 0 && (tightest == 0 || quota < tightest)) tightest = quota;
  }
  std::fclose(file);
  return tightest;
}

int processorsInMask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  // Fails where the kernel has more processors than a cpu_set_t; then the affinity is not what limits.
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return CPU_SETSIZE;
  return std::max(CPU_COUNT(&mask), 1);
}

int countProcessors() {
  const int processors = processorsInMask();
  const double quota = cgroupQuota();
  return quota > 0 ? std::clamp(static_cast<int>(std::ceil(quota)), 1, processors) : processors;
}

}  // namespace

const CpuFeatures& cpuFeatures() {
  static const CpuFeatures features = detect();
  return features;
}

Isa activeIsa() {
  static const Isa isa = chooseIsa();
  return isa;
}

const char* isaName(Isa isa) {
  switch (isa) {
    case Isa::kBaseline:
      return "baseline";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kNeon:
      return "neon";
  }
  return "unknown";
}

int availableProcessors() {
  static const int processors = countProcessors();
  return processors;
}

}  // namespace gemmule
