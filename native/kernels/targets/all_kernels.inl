// All kernels in the namespace of one target, and their table. No include guard: once a target.

#include "kernels/simd.h"
// simd.h first
#include "kernels/vector_math.inl"
// vector_math.inl before its users
#include "kernels/gemm.inl"

inline constexpr KernelTable kKernels = {
    .isa = kTargetIsa,
    .gemm = kGemmKernels,
};
