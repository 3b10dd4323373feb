// kBaseline: kernels compiled for every x86-64 processor (SSE2).

#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/kernel_table.h"
#include "kernels/targets/targets.h"

#if defined(__x86_64__)
#define GEMMULE_SIMD_BASELINE
namespace gemmule::baseline {

inline constexpr Isa kTargetIsa = Isa::kBaseline;
#include "kernels/targets/all_kernels.inl"

const KernelTable& kernels() { return kKernels; }

}  // namespace gemmule::baseline

#endif
