#include "linalg/decomposition.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <mutex>
#include <string>

#include "linalg/blas.h"
#include "ops/batch_axes.h"
#include "ops/ops.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// A side from which on OpenBLAS's own threads pay within one decomposition.
constexpr std::int64_t kSideForThreads = 128;

/// Runs a prepared decomposition on every matrix of a batch. Of several failures the first matrix's is told.
template <typename T, typename Solver>
Status runBatch(const OpContext& context, const BatchAxes& batch, Solver& solver) {
  const std::int64_t matrices = batch.count();
  if (matrices == 0) return Status::ok();
  const int threads = context.team.threads();
  // Many or small matrices go side by side, on any thread of the team; a few large ones one after the other, each on
  // OpenBLAS's threads.
  const bool large = std::max(solver.m, solver.n) >= kSideForThreads && solver.rank() > 1;
  const bool together = matrices == 1 || (matrices < threads && large);
  GEMMULE_RETURN_IF_ERROR(solver.prepare(context.scratch, together ? 1 : threads));
  std::array<std::int64_t, 4> resultBytes{};
  for (std::size_t index = 0; index < context.results.size(); ++index) {
    const TensorView& result = context.results[index];
    resultBytes[index] = result.size() / matrices * bytesPerElement(result.dtype);
  }
  std::mutex mutex;
  std::int64_t failed = std::numeric_limits<std::int64_t>::max();
  int failure = 0;
  std::atomic<bool> stop{false};
  const auto run = [&](std::int64_t begin, std::int64_t end, int lane) {
    for (std::int64_t index = begin; index < end && !stop.load(std::memory_order_relaxed); ++index) {
      MatrixArguments<T> matrix;
      for (std::size_t place = 0; place < context.operands.size(); ++place) {
        const TensorView& operand = context.operands[place].tensor;
        matrix.operands[place] = operand.as<T>() + batch.offsetOf(operand, index);
      }
      for (std::size_t place = 0; place < context.results.size(); ++place) {
        matrix.results[place] = context.results[place].data + index * resultBytes[place];
      }
      if (const int info = solver.run(matrix, lane); info != 0) {
        std::lock_guard lock(mutex);
        if (index < failed) {
          failed = index;
          failure = info;
        }
        return;
      }
      if (context.cancelled != nullptr && context.cancelled->load(std::memory_order_relaxed)) stop.store(true);
    }
  };
  if (together) {
    const BlasThreads blasThreads(large ? threads : 1);
    run(0, matrices, 0);
  } else {
    context.team.parallelFor(matrices, 1, run);
  }
  if (failure != 0) return solver.statusOf(failure, batch.nameOf("a", failed));
  return stop.load() ? Status::cancelled() : Status::ok();
}

/// What every decomposition checks of its operands: `count` of them, of one floating dtype, with the same leading axes.
class Checker {
 public:
  Checker(const char* name, const OpContext& context, std::size_t operands, std::size_t results)
      : name_(name), context_(context), status_(requireTensors(name, context, operands, results)) {
    if (!status_.isOk()) return;
    const TensorView& a = context.operands[0].tensor;
    status_ = requireDType(name, "a", a, {DType::kFloat32, DType::kFloat64});
    if (!status_.isOk()) return;
    if (a.rank < 2) {
      status_ = Status::invalid(std::string(name) + ": a must be [..., m, n], got " + formatDims(a));
      return;
    }
    batch_ = {a.rank - 2, a.dims};
    m_ = a.dims[a.rank - 2];
    n_ = a.dims[a.rank - 1];
  }

  std::int64_t m() const { return m_; }
  std::int64_t n() const { return n_; }
  const BatchAxes& batch() const { return batch_; }
  const TensorView& a() const { return context_.operands[0].tensor; }
  Status status() const { return status_; }

  Checker& square() {
    if (status_.isOk() && m_ != n_) status_ = Status::invalid(std::string(name_) + ": a must be square");
    return *this;
  }

  Checker& operand(std::size_t index, std::initializer_list<std::int64_t> trailing) {
    if (status_.isOk()) check(context_.operands[index].tensor, trailing, a().dtype);
    return *this;
  }

  Checker& result(std::size_t index, std::initializer_list<std::int64_t> trailing) {
    if (status_.isOk()) check(context_.results[index], trailing, a().dtype);
    return *this;
  }

  Checker& integers(std::size_t index, std::initializer_list<std::int64_t> trailing) {
    if (status_.isOk()) check(context_.results[index], trailing, DType::kInt32);
    return *this;
  }

 private:
  void check(const TensorView& view, std::initializer_list<std::int64_t> trailing, DType dtype) {
    bool fits = view.dtype == dtype && view.rank == batch_.rank + static_cast<int>(trailing.size());
    for (int axis = 0; fits && axis < batch_.rank; ++axis) fits = view.dims[axis] == batch_.dims[axis];
    int axis = batch_.rank;
    for (const std::int64_t dim : trailing) {
      fits = fits && view.dims[axis] == dim;
      ++axis;
    }
    if (fits) return;
    status_ = Status::invalid(std::string(name_) + ": shapes " + formatDims(a()) + " and " + formatDims(view) +
                              " do not fit, or dtypes differ");
  }

  const char* name_;
  const OpContext& context_;
  Status status_;
  BatchAxes batch_{};
  std::int64_t m_ = 0;
  std::int64_t n_ = 0;
};

/// The last two strides of a view.
std::array<std::int64_t, 2> matrixStrides(const TensorView& view) {
  return {view.strides[view.rank - 2], view.strides[view.rank - 1]};
}

template <typename T, template <typename> class Solver, typename Configure>
Status decomposeAs(const OpContext& context, const Checker& checked, Configure configure) {
  Solver<T> solver;
  solver.m = checked.m();
  solver.n = checked.n();
  solver.strides = matrixStrides(checked.a());
  configure(solver);
  return runBatch<T>(context, checked.batch(), solver);
}

/// Runs `Solver`, set up by `configure`, in the dtype of the operand.
template <template <typename> class Solver, typename Configure>
Status decompose(const OpContext& context, const Checker& checked, Configure configure) {
  GEMMULE_RETURN_IF_ERROR(checked.status());
  if (checked.a().dtype == DType::kFloat32) return decomposeAs<float, Solver>(context, checked, configure);
  return decomposeAs<double, Solver>(context, checked, configure);
}

constexpr auto kNothing = [](auto&) {};

Status svd(const OpContext& context) {
  const bool full = context.attributes[0] != 0;
  const bool vectors = context.attributes[1] != 0;
  Checker checked("svd", context, 1, 3);
  const std::int64_t m = checked.m(), n = checked.n(), r = std::min(m, n);
  checked.result(0, {m, vectors ? (full ? m : r) : 0}).result(1, {r}).result(2, {vectors ? (full ? n : r) : 0, n});
  return decompose<SingularValues>(context, checked, [&](auto& solver) {
    solver.full = full;
    solver.vectors = vectors;
  });
}

Status qr(const OpContext& context) {
  std::int64_t mode = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("qr", context, 0, 0, 2, &mode));
  Checker checked("qr", context, 1, 3);
  const std::int64_t m = checked.m(), n = checked.n(), r = std::min(m, n);
  const std::int64_t rows = mode == 1 ? m : r;
  const std::int64_t columns = mode == 2 ? 0 : rows;
  checked.result(0, {m, columns}).result(1, {rows, n}).integers(2, {n});
  return decompose<OrthogonalTriangular>(context, checked, [&](auto& solver) {
    solver.qColumns = columns;
    solver.rRows = rows;
    solver.pivoting = context.attributes[1] != 0;
  });
}

Status cholesky(const OpContext& context) {
  Checker checked("cholesky", context, 1, 1);
  checked.square().result(0, {checked.n(), checked.n()});
  return decompose<Cholesky>(context, checked, kNothing);
}

Status lu(const OpContext& context) {
  Checker checked("lu", context, 1, 3);
  checked.result(0, {checked.m(), checked.n()}).integers(1, {checked.m()}).result(2, {});
  return decompose<LowerUpper>(context, checked, kNothing);
}

/// The columns of the second operand of a linear system, once that is known to be a matrix.
std::int64_t rightColumns(const OpContext& context) {
  const TensorView& b = context.operands[1].tensor;
  return context.operands[1].kind == Operand::Kind::kTensor && b.rank >= 2 ? b.dims[b.rank - 1] : 0;
}

Status solve(const OpContext& context) {
  Checker checked("solve", context, 2, 1);
  const std::int64_t n = checked.n(), columns = rightColumns(context);
  checked.square().operand(1, {n, columns}).result(0, {n, columns});
  return decompose<LinearSystem>(context, checked, [&](auto& solver) {
    solver.columns = columns;
    solver.rightStrides = matrixStrides(context.operands[1].tensor);
  });
}

Status solveTriangular(const OpContext& context) {
  Checker checked("solveTriangular", context, 2, 1);
  const std::int64_t n = checked.n(), columns = rightColumns(context);
  checked.square().operand(1, {n, columns}).result(0, {n, columns});
  return decompose<TriangularSystem>(context, checked, [&](auto& solver) {
    solver.columns = columns;
    solver.rightStrides = matrixStrides(context.operands[1].tensor);
    solver.lower = context.attributes[0] != 0;
    solver.unitDiagonal = context.attributes[1] != 0;
  });
}

Status inv(const OpContext& context) {
  Checker checked("inv", context, 1, 1);
  checked.square().result(0, {checked.n(), checked.n()});
  return decompose<Inverse>(context, checked, kNothing);
}

Status eigh(const OpContext& context) {
  const bool vectors = context.attributes[0] != 0;
  Checker checked("eigh", context, 1, 2);
  checked.square().result(0, {checked.n()}).result(1, {checked.n(), vectors ? checked.n() : 0});
  return decompose<SymmetricEigen>(context, checked, [&](auto& solver) { solver.vectors = vectors; });
}

Status eig(const OpContext& context) {
  const bool vectors = context.attributes[0] != 0;
  Checker checked("eig", context, 1, 4);
  const std::int64_t n = checked.n(), columns = vectors ? n : 0;
  checked.square().result(0, {n}).result(1, {n}).result(2, {n, columns}).result(3, {n, columns});
  return decompose<GeneralEigen>(context, checked, [&](auto& solver) { solver.vectors = vectors; });
}

Status schur(const OpContext& context) {
  Checker checked("schur", context, 1, 2);
  checked.square().result(0, {checked.n(), checked.n()}).result(1, {checked.n(), checked.n()});
  return decompose<RealSchur>(context, checked, kNothing);
}

Status schurRoot(const OpContext& context) {
  Checker checked("schurRoot", context, 1, 1);
  checked.square().result(0, {checked.n(), checked.n()});
  return decompose<SchurRoot>(context, checked, kNothing);
}

constexpr OpDefinition kOps[] = {
    {"schurRoot", 1, 1, 0, 1, schurRoot},
    {"svd", 1, 1, 2, 3, svd},
    {"qr", 1, 1, 2, 3, qr},
    {"cholesky", 1, 1, 0, 1, cholesky},
    {"lu", 1, 1, 0, 3, lu},
    {"solve", 2, 2, 0, 1, solve},
    {"solveTriangular", 2, 2, 2, 1, solveTriangular},
    {"inv", 1, 1, 0, 1, inv},
    {"eigh", 1, 1, 1, 2, eigh},
    {"eig", 1, 1, 1, 4, eig},
    {"schur", 1, 1, 0, 2, schur},
};

}  // namespace

std::span<const OpDefinition> decompositionOps() { return kOps; }

}  // namespace gemmule
