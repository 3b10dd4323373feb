#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

#include "linalg/gemm.h"
#include "linalg/panel_product.h"
#include "ops/batch_axes.h"
#include "ops/ops.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

Status checkMatmul(const OpContext& context) {
  const Operand& left = context.operands[0];
  const Operand& right = context.operands[1];
  if (left.kind != Operand::Kind::kTensor || right.kind != Operand::Kind::kTensor) {
    return Status::invalid("matmul: both operands must be tensors");
  }
  const TensorView& a = left.tensor;
  const TensorView& b = right.tensor;
  const TensorView& c = context.results[0];
  const int rank = a.rank;
  bool fits = rank >= 2 && b.rank == rank && c.rank == rank && a.dims[rank - 1] == b.dims[rank - 2] &&
              c.dims[rank - 2] == a.dims[rank - 2] && c.dims[rank - 1] == b.dims[rank - 1];
  for (int axis = 0; fits && axis < rank - 2; ++axis) {
    fits = a.dims[axis] == b.dims[axis] && a.dims[axis] == c.dims[axis];
  }
  if (!fits) {
    return Status::invalid("matmul: shapes " + formatDims(a) + ", " + formatDims(b) + " and result " + formatDims(c) +
                           " do not fit");
  }
  if (a.dtype != b.dtype || a.dtype != c.dtype) return Status::invalid("matmul: operands and result differ in dtype");
  return Status::ok();
}

void removeAxis(TensorView& view, int axis) {
  for (--view.rank; axis < view.rank; ++axis) {
    view.dims[axis] = view.dims[axis + 1];
    view.strides[axis] = view.strides[axis + 1];
  }
}

/// Folds batch axes over which b is constant, and a goes on as its rows do, into the rows: one large product is faster
/// than many small ones.
void foldBatchIntoRows(TensorView& a, TensorView& b, TensorView& c) {
  while (a.rank > 2) {
    const int batch = a.rank - 3;
    const int rows = a.rank - 2;
    const bool constant = b.strides[batch] == 0 || b.dims[batch] == 1;
    const bool goesOn = a.dims[batch] == 1 || a.dims[rows] == 1 || a.strides[batch] == a.dims[rows] * a.strides[rows];
    if (!constant || !goesOn) return;
    if (a.dims[rows] == 1) a.strides[rows] = a.strides[batch];
    a.dims[rows] *= a.dims[batch];
    c.dims[rows] *= c.dims[batch];
    for (TensorView* view : {&a, &b, &c}) removeAxis(*view, batch);
  }
}

/// The products of a batch, each prepared `product`'s.
template <typename Product, typename T>
void runBatch(const OpContext& context, const Product& product, const BatchAxes& batch, const TensorView& a,
              const TensorView& b, const TensorView& c, std::int64_t work, bool together) {
  const std::int64_t matrices = batch.count();
  const std::int64_t size = product.m * product.n;
  const auto bind = [&](std::int64_t index) {
    return typename Product::Arrays{a.as<T>() + batch.offsetOf(a, index), b.as<T>() + batch.offsetOf(b, index),
                                    c.as<T>() + index * size};
  };
  if (together) {
    for (std::int64_t index = 0; index < matrices; ++index) product.runParallel(context.team, bind(index));
    return;
  }
  const std::int64_t grain = kWorkPerLane / std::max<std::int64_t>(work, 1);
  context.team.parallelFor(matrices, std::max<std::int64_t>(grain, 1),
                           [&](std::int64_t begin, std::int64_t end, int lane) {
                             for (std::int64_t index = begin; index < end; ++index) product.run(bind(index), lane);
                           });
}

template <typename T>
Status multiplyBatch(const OpContext& context, TensorView a, TensorView b, TensorView c) {
  foldBatchIntoRows(a, b, c);
  const int rank = a.rank;
  const BatchAxes batch{rank - 2, c.dims};
  MatrixProduct<T> product;
  product.m = c.dims[rank - 2];
  product.n = c.dims[rank - 1];
  product.k = a.dims[rank - 1];
  product.aStrides = {a.strides[rank - 2], a.strides[rank - 1]};
  product.bStrides = {b.strides[rank - 2], b.strides[rank - 1]};
  const std::int64_t matrices = batch.count();
  if (matrices == 0 || product.m * product.n == 0) return Status::ok();
  const int threads = context.team.threads();
  const std::int64_t work = product.work();
  // Many or small products go side by side; a few large ones one after the other, each cut up.
  const bool together = matrices == 1 || (matrices < threads && work >= kWorkPerLane);
  if constexpr (std::is_floating_point_v<T>) {
    // OpenBLAS is faster than the portable kernels, and slower than all others.
    if (context.kernels.isa != Isa::kBaseline && PanelProduct<T>::pays(product.m, product.n, product.k)) {
      PanelProduct<T> panels;
      panels.m = product.m;
      panels.n = product.n;
      panels.k = product.k;
      panels.aStrides = product.aStrides;
      panels.bStrides = product.bStrides;
      GEMMULE_RETURN_IF_ERROR(panels.prepare(context.kernels, context.scratch, threads, together));
      runBatch<PanelProduct<T>, T>(context, panels, batch, a, b, c, work, together);
      return Status::ok();
    }
  }
  GEMMULE_RETURN_IF_ERROR(product.prepare(context.scratch, together ? 1 : threads));
  runBatch<MatrixProduct<T>, T>(context, product, batch, a, b, c, work, together);
  return Status::ok();
}

Status matmul(const OpContext& context) {
  if (Status status = checkMatmul(context); !status.isOk()) return status;
  const TensorView& a = context.operands[0].tensor;
  const TensorView& b = context.operands[1].tensor;
  const TensorView& c = context.results[0];
  switch (a.dtype) {
    case DType::kFloat32:
      return multiplyBatch<float>(context, a, b, c);
    case DType::kFloat64:
      return multiplyBatch<double>(context, a, b, c);
    case DType::kInt32:
      return multiplyBatch<std::int32_t>(context, a, b, c);
    default:
      return Status::invalid("matmul: operands must be float32, float64 or int32");
  }
}

constexpr OpDefinition kOps[] = {
    {"matmul", 2, 2, 0, 1, matmul},
};

}  // namespace

std::span<const OpDefinition> matrixOps() { return kOps; }

}  // namespace gemmule
