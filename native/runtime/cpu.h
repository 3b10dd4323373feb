#pragma once

namespace gemmule {

/// Instruction sets that kernels are compiled for, in ascending order on x86.
enum class Isa { kBaseline, kAvx2, kAvx512, kNeon };

/// What the processor and the operating system support. AVX2 means AVX2, FMA and F16C; AVX-512 means F, BW, DQ, VL.
struct CpuFeatures {
  bool avx2 = false;
  bool avx512 = false;
  bool avx512Vnni = false;
  bool avx512Bf16 = false;
  bool avxVnni = false;
  bool neon = false;
  bool neonDotProduct = false;
};

const CpuFeatures& cpuFeatures();

/// The level in use: the highest supported, or a lower one forced by GEMMULE_ISA=baseline|avx2|avx512|neon.
Isa activeIsa();
const char* isaName(Isa isa);

/// Processors that this process may use: the affinity mask, capped by the cgroup's CPU quota (v1 or v2); at least 1.
int availableProcessors();

}  // namespace gemmule
