// All kernels in the namespace of one target, and their table. No include guard: once a target.

#include "kernels/simd.h"
// simd.h first
#include "kernels/vector_math.inl"
// vector_math.inl before its users
#include "kernels/gemm.inl"
// gemm.inl before attention.inl and gemm_int8.inl
#include "kernels/attention.inl"
#include "kernels/gemm_int8.inl"
#include "kernels/normalization.inl"
// normalization.inl before pooling.inl
#include "kernels/pooling.inl"

inline constexpr KernelTable kKernels = {
    .isa = kTargetIsa,
    .gemm = kGemmKernels,
    .int8 = kInt8Kernels,
    .attention = kAttentionKernels,
    .normalization = kNormalizationKernels,
    .pooling = kPoolingKernels,
};
