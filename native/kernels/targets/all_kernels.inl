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
#include "kernels/pooling.inl"
// vector_math.inl and wide_math.inl before the elementwise functions
#include "kernels/wide_math.inl"

#include "kernels/elementwise_unary.inl"
// elementwise_unary.inl before elementwise_binary.inl, which has the table of both
#include "kernels/elementwise_binary.inl"
// elementwise_binary.inl before cast.inl and reduction.inl
#include "kernels/cast.inl"
#include "kernels/reduction.inl"
// reduction.inl before scan.inl
#include "kernels/scan.inl"

inline constexpr KernelTable kKernels = {
    .isa = kTargetIsa,
    .gemm = kGemmKernels,
    .int8 = kInt8Kernels,
    .attention = kAttentionKernels,
    .normalization = kNormalizationKernels,
    .pooling = kPoolingKernels,
    .elementwise = kElementwiseKernels,
    .cast = kCastKernels,
    .reduction = kReductionKernels,
    .scan = kScanKernels,
};
