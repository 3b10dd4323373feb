#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <type_traits>

#include "linalg/gemm.h"
#include "linalg/panel_product.h"
#include "linalg/svd.h"
#include "ops/ops.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

std::string shapeText(const TensorView& view) {
  std::string text = "[";
  for (int axis = 0; axis < view.rank; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(view.dims[axis]);
  }
  return text + "]";
}

/// The matrices of a batch: the leading axes of a view, walked in row-major order.
struct BatchAxes {
  int rank;
  std::array<std::int64_t, kMaxRank> dims;

  std::int64_t count() const {
    std::int64_t product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= dims[axis];
    return product;
  }

  /// The offset in elements of matrix `index` of a view with these leading axes.
  std::int64_t offsetOf(const TensorView& view, std::int64_t index) const {
    std::int64_t offset = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      offset += index % dims[axis] * view.strides[axis];
      index /= dims[axis];
    }
    return offset;
  }
};

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
    return Status::invalid("matmul: shapes " + shapeText(a) + ", " + shapeText(b) + " and result " + shapeText(c) +
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
  if constexpr (std::is_same_v<T, float>) {
    // OpenBLAS is faster than the portable kernels, and slower than all others.
    if (context.kernels.isa != Isa::kBaseline && PanelProduct::pays(product.m, product.n, product.k)) {
      PanelProduct panels;
      panels.m = product.m;
      panels.n = product.n;
      panels.k = product.k;
      panels.aStrides = product.aStrides;
      panels.bStrides = product.bStrides;
      GEMMULE_RETURN_IF_ERROR(panels.prepare(context.kernels.gemm, context.scratch, threads, together));
      runBatch<PanelProduct, T>(context, panels, batch, a, b, c, work, together);
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

template <typename T>
Status decomposeBatch(const OpContext& context, bool full) {
  const TensorView& a = context.operands[0].tensor;
  const int rank = a.rank;
  const BatchAxes batch{rank - 2, a.dims};
  SingularValues<T> svd;
  svd.m = a.dims[rank - 2];
  svd.n = a.dims[rank - 1];
  svd.rowStride = a.strides[rank - 2];
  svd.columnStride = a.strides[rank - 1];
  svd.full = full;
  const std::int64_t matrices = batch.count();
  if (matrices == 0) return Status::ok();
  // Any thread of the team may take a matrix, unless there is one only.
  const int lanes = matrices == 1 ? 1 : context.team.threads();
  if (Status status = svd.prepare(context.scratch, lanes); !status.isOk()) return status;
  std::atomic<int> failure{0};
  context.team.parallelFor(matrices, 1, [&](std::int64_t begin, std::int64_t end, int lane) {
    for (std::int64_t index = begin; index < end && failure.load(std::memory_order_relaxed) == 0; ++index) {
      const int info = svd.run(a.as<T>() + batch.offsetOf(a, index), context.results[0].as<T>() + index * svd.uSize(),
                               context.results[1].as<T>() + index * svd.rank(),
                               context.results[2].as<T>() + index * svd.vtSize(), lane);
      if (info != 0) failure.store(info, std::memory_order_relaxed);
      if (context.cancelled != nullptr && context.cancelled->load(std::memory_order_relaxed)) return;
    }
  });
  return svd.statusOf(failure.load());
}

Status checkSvd(const OpContext& context, bool full) {
  if (context.operands[0].kind != Operand::Kind::kTensor) return Status::invalid("svd: the operand must be a tensor");
  const TensorView& a = context.operands[0].tensor;
  const TensorView& u = context.results[0];
  const TensorView& s = context.results[1];
  const TensorView& vt = context.results[2];
  const int rank = a.rank;
  if (rank < 2 || u.rank != rank || s.rank != rank - 1 || vt.rank != rank) {
    return Status::invalid("svd: ranks of operand and results do not fit");
  }
  const std::int64_t m = a.dims[rank - 2];
  const std::int64_t n = a.dims[rank - 1];
  const std::int64_t r = std::min(m, n);
  bool fits = u.dims[rank - 2] == m && u.dims[rank - 1] == (full ? m : r) && s.dims[rank - 2] == r &&
              vt.dims[rank - 2] == (full ? n : r) && vt.dims[rank - 1] == n;
  for (int axis = 0; axis < rank - 2; ++axis) {
    fits = fits && u.dims[axis] == a.dims[axis] && s.dims[axis] == a.dims[axis] && vt.dims[axis] == a.dims[axis];
  }
  if (!fits) {
    return Status::invalid("svd: shapes " + shapeText(a) + " and results " + shapeText(u) + ", " + shapeText(s) + ", " +
                           shapeText(vt) + " do not fit");
  }
  if (u.dtype != a.dtype || s.dtype != a.dtype || vt.dtype != a.dtype) {
    return Status::invalid("svd: operand and results differ in dtype");
  }
  return Status::ok();
}

Status svd(const OpContext& context) {
  const bool full = context.attributes[0] != 0;
  if (Status status = checkSvd(context, full); !status.isOk()) return status;
  switch (context.operands[0].tensor.dtype) {
    case DType::kFloat32:
      return decomposeBatch<float>(context, full);
    case DType::kFloat64:
      return decomposeBatch<double>(context, full);
    default:
      return Status::invalid("svd: the operand must be float32 or float64");
  }
}

constexpr OpDefinition kOps[] = {
    {"matmul", 2, 2, 0, 1, matmul},
    {"svd", 1, 1, 1, 3, svd},
};

}  // namespace

std::span<const OpDefinition> matrixOps() { return kOps; }

}  // namespace gemmule
