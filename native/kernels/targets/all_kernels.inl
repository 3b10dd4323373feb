// All kernels in the namespace of one target, and their table. No include guard: once a target.

// Each file needs those above it.
// clang-format off
#include "kernels/simd.h"
#include "kernels/simd_double.h"
#include "kernels/vector_math.inl"
#include "kernels/gemm.inl"
#include "kernels/gemm_float64.inl"
#include "kernels/attention.inl"
#include "kernels/gemm_bfloat16.inl"
#include "kernels/gemm_int8.inl"
#include "kernels/normalization.inl"
#include "kernels/rotary.inl"
#include "kernels/gating.inl"
#include "kernels/pooling.inl"
#include "kernels/codes.inl"
#include "kernels/similarity.inl"
#include "kernels/wide_math.inl"
#include "kernels/elementwise_unary.inl"
#include "kernels/elementwise_binary.inl"
#include "kernels/cast.inl"
#include "kernels/reduction.inl"
#include "kernels/scan.inl"
#include "kernels/random.inl"
#include "kernels/sparse.inl"
#include "kernels/training.inl"
// clang-format on

inline constexpr KernelTable kKernels = {
    .isa = kTargetIsa,
    .gemm = kGemmKernels,
    .float64 = kFloat64Kernels,
    .bfloat16 = kBfloat16Kernels,
    .int8 = kInt8Kernels,
    .attention = kAttentionKernels,
    .normalization = kNormalizationKernels,
    .rotary = kRotaryKernels,
    .gating = kGatingKernels,
    .pooling = kPoolingKernels,
    .codes = kCodeKernels,
    .similarity = kSimilarityKernels,
    .elementwise = kElementwiseKernels,
    .cast = kCastKernels,
    .reduction = kReductionKernels,
    .scan = kScanKernels,
    .random = kRandomKernels,
    .sparse = kSparseKernels,
    .training = kTrainingKernels,
};
