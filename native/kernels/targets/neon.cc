// kNeon: kernels compiled for 64-bit Arm (NEON).

#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/kernel_table.h"
#include "kernels/targets/targets.h"

#if defined(__aarch64__)
#define GEMMULE_SIMD_NEON
namespace gemmule::neon {

inline constexpr Isa kTargetIsa = Isa::kNeon;
#include "kernels/targets/all_kernels.inl"

const KernelTable& kernels() { return kKernels; }

}  // namespace gemmule::neon

#endif
