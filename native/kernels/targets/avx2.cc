// kAvx2: kernels compiled for AVX2, FMA and F16C.

#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/kernel_table.h"
#include "kernels/targets/targets.h"

#if defined(__x86_64__)
// After the standard headers, so that none of their inline functions is compiled for this instruction set: the linker
// keeps one copy of each, and it must run everywhere.
GEMMULE_TARGET_BEGIN("avx2,fma,f16c")

#define GEMMULE_SIMD_AVX2
namespace gemmule::avx2 {

inline constexpr Isa kTargetIsa = Isa::kAvx2;
#include "kernels/targets/all_kernels.inl"

const KernelTable& kernels() { return kKernels; }

}  // namespace gemmule::avx2

GEMMULE_TARGET_END

#endif
