#pragma once

#include "kernels/attention.h"
#include "kernels/cast.h"
#include "kernels/codes.h"
#include "kernels/elementwise.h"
#include "kernels/gating.h"
#include "kernels/gemm.h"
#include "kernels/gemm_bfloat16.h"
#include "kernels/gemm_float64.h"
#include "kernels/gemm_int8.h"
#include "kernels/normalization.h"
#include "kernels/pooling.h"
#include "kernels/random.h"
#include "kernels/reduction.h"
#include "kernels/rotary.h"
#include "kernels/scan.h"
#include "kernels/similarity.h"
#include "kernels/sparse.h"
#include "kernels/training.h"
#include "runtime/cpu.h"

namespace gemmule {

/// The kernels of one instruction set. Each family declares its struct of function pointers in a header of its own
/// (`native/kernels/<family>.h`), implements it once in `<family>.inl` on top of `simd.h`, and every file in
/// `native/kernels/targets/` compiles all of them for one instruction set.
struct KernelTable {
  Isa isa;
  GemmKernels gemm;
  Float64Kernels float64;
  Bfloat16Kernels bfloat16;
  Int8Kernels int8;
  AttentionKernels attention;
  NormalizationKernels normalization;
  RotaryKernels rotary;
  GatingKernels gating;
  PoolingKernels pooling;
  CodeKernels codes;
  SimilarityKernels similarity;
  ElementwiseKernels elementwise;
  CastKernels cast;
  ReductionKernels reduction;
  ScanKernels scan;
  RandomKernels random;
  SparseKernels sparse;
  TrainingKernels training;
};

/// The kernels of `isa`, or of the nearest lower level that this build has.
const KernelTable& kernelsFor(Isa isa);

}  // namespace gemmule
