// kAvx512: kernels compiled for AVX-512 F, BW, DQ and VL; integer products also for VNNI, and
// products of bfloat16 for AVX512_BF16.

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
#define GEMMULE_SIMD_AVX512
#if defined(__clang__)
// Clang knows from the intrinsics how wide its vectors should be.
#define GEMMULE_AVX512_SETS "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
#else
#define GEMMULE_AVX512_SETS "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,prefer-vector-width=512"
#endif

// After the standard headers, so that none of their inline functions is compiled for this instruction set: the linker
// keeps one copy of each, and it must run everywhere.
GEMMULE_TARGET_BEGIN(GEMMULE_AVX512_SETS)
namespace gemmule::avx512 {

inline constexpr Isa kTargetIsa = Isa::kAvx512;
#include "kernels/targets/all_kernels.inl"

const KernelTable& kernels() { return kKernels; }

GEMMULE_TARGET_END

GEMMULE_TARGET_BEGIN(GEMMULE_AVX512_SETS ",avx512vnni")
#define GEMMULE_INT8_VNNI
namespace vnni {
#include "kernels/gemm_int8.inl"
}  // namespace vnni
GEMMULE_TARGET_END

GEMMULE_TARGET_BEGIN(GEMMULE_AVX512_SETS ",avx512bf16")
#define GEMMULE_BFLOAT16_DOT
namespace bfloat16_dot {
#include "kernels/gemm_bfloat16.inl"
}  // namespace bfloat16_dot
GEMMULE_TARGET_END

inline constexpr KernelTable kVnniKernels = [] {
  KernelTable table = kKernels;
  table.int8 = vnni::kInt8Kernels;
  return table;
}();

inline constexpr KernelTable kVnniAndBfloat16Kernels = [] {
  KernelTable table = kVnniKernels;
  table.bfloat16 = bfloat16_dot::kBfloat16Kernels;
  return table;
}();

const KernelTable& kernelsWithVnni() { return kVnniKernels; }

const KernelTable& kernelsWithVnniAndBfloat16() { return kVnniAndBfloat16Kernels; }

}  // namespace gemmule::avx512

#endif
