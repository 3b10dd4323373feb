// What only Linux has: affinity masks, control groups, and the C library's words on the processor.

#if defined(__linux__)

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/system.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace gemmule::system {
namespace {

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

}  // namespace

int processors() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  // Fails where the kernel has more processors than a cpu_set_t; then the affinity is not what limits.
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return CPU_SETSIZE;
  return std::max(CPU_COUNT(&mask), 1);
}

/// The CPU quota of this process's groups. Lines of /proc/self/cgroup are `hierarchy:controllers:path`; version 2 has
/// hierarchy 0 and no controllers.
double processorQuota() {
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

static_assert(sizeof(ProcessorSet) == sizeof(cpu_set_t));

int threadNumber() { return static_cast<int>(syscall(SYS_gettid)); }

bool keepOffThisProcessor(int thread, ProcessorSet& before) {
  cpu_set_t mask;
  const int processor = sched_getcpu();
  if (processor < 0 || processor >= CPU_SETSIZE || sched_getaffinity(thread, sizeof mask, &mask) != 0) return false;
  before = std::bit_cast<ProcessorSet>(mask);
  CPU_CLR(processor, &mask);
  return CPU_COUNT(&mask) > 0 && sched_setaffinity(thread, sizeof mask, &mask) == 0;
}

void allowProcessors(const ProcessorSet& processors) {
  const auto mask = std::bit_cast<cpu_set_t>(processors);
  sched_setaffinity(0, sizeof mask, &mask);
}

#if defined(__aarch64__)
bool hasDotProduct() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
#endif

// The linker sees to it (-z nodelete).
void keepLibraryLoaded() {}

}  // namespace gemmule::system

#endif
