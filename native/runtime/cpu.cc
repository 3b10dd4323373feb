#include "runtime/cpu.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "runtime/system.h"

#if defined(__x86_64__)
#include <cpuid.h>
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
  // macOS enables these with the first instruction that needs them: engines on Macs make do with AVX2.
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
  features.neonDotProduct = system::hasDotProduct();
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

int countProcessors() {
  const int processors = system::processors();
  const double quota = system::processorQuota();
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
