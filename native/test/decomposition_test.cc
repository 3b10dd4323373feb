// Decompositions on any number of threads, side by side and on OpenBLAS's threads at once, and malformed calls. Their
// numbers are held against the reference's and against what defines them in test/parity and test/linalg.

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::Numbers;
using test::runOp;
using test::view;

/// A symmetric positive definite matrix: random, and more than the rest of its rows on the diagonal.
std::vector<double> definite(std::int64_t size, unsigned seed) {
  Numbers numbers(seed);
  std::vector<double> a = numbers.normals<double>(size * size);
  for (std::int64_t row = 0; row < size; ++row) {
    for (std::int64_t column = 0; column < row; ++column) a[column * size + row] = a[row * size + column];
    a[row * size + row] = static_cast<double>(4 * size);
  }
  return a;
}

/// The largest element of `a * x - b` for `[size, size]` and `[size, columns]`.
double residual(const std::vector<double>& a, const std::vector<double>& x, const std::vector<double>& b,
                std::int64_t size, std::int64_t columns) {
  double worst = 0;
  for (std::int64_t row = 0; row < size; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      double sum = -b[row * columns + column];
      for (std::int64_t k = 0; k < size; ++k) sum += a[row * size + k] * x[k * columns + column];
      worst = std::max(worst, std::fabs(sum));
    }
  }
  return worst;
}

TEST(large_systems_on_threads_of_blas) {
  constexpr std::int64_t kSize = 300;
  const std::vector<double> a = definite(kSize, 1);
  const std::vector<double> b = Numbers(2).normals<double>(kSize * 5);
  for (const int threads : {1, 2, 3}) {
    const test::Scope scope(std::to_string(threads) + " threads");
    ThreadTeam team(threads);
    std::vector<double> x(b.size());
    CHECK_OK(runOp("solve", activeIsa(), team, {view(a, {kSize, kSize}), view(b, {kSize, 5})}, {view(x, {kSize, 5})}));
    // n units of rounding of the sums, whose terms add up to at most 5 n times 1 / (3 n) times 4.
    CHECK(residual(a, x, b, kSize, 5) < kSize * 0x1p-53 * 8);
  }
}

TEST(several_callers_at_once) {
  constexpr std::int64_t kSize = 200;
  const std::vector<double> a = definite(kSize, 3);
  std::vector<std::thread> callers;
  std::vector<int> failures(3);
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&a, &failures, caller] {
      ThreadTeam team(2);
      for (int round = 0; round < 4; ++round) {
        std::vector<double> values(kSize);
        std::vector<double> vectors(kSize * kSize);
        const Status status = runOp("eigh", activeIsa(), team, {view(a, {kSize, kSize})},
                                    {view(values, {kSize}), view(vectors, {kSize, kSize})}, {1});
        double trace = 0;
        for (const double value : values) trace += value;
        if (!status.isOk() || std::fabs(trace - 4.0 * kSize * kSize) > 1e-6) ++failures[caller];
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(failures == std::vector<int>(3));
}

TEST(batches_say_which_matrix_failed_first) {
  constexpr std::int64_t kSize = 3;
  std::vector<double> a;
  for (int matrix = 0; matrix < 6; ++matrix) {
    const std::vector<double> one = definite(kSize, 4);
    a.insert(a.end(), one.begin(), one.end());
  }
  a[4 * 9 + 4] = -1;
  a[5 * 9 + 8] = -1;
  for (const int threads : {1, 4}) {
    ThreadTeam team(threads);
    std::vector<double> l(a.size());
    const Status status =
        runOp("cholesky", activeIsa(), team, {view(a, {2, 3, kSize, kSize})}, {view(l, {2, 3, kSize, kSize})});
    CHECK(status.code() == StatusCode::kNumerical);
    CHECK_EQ(status.message(),
             std::string("cholesky: matrix a[1, 1] is not positive definite: pivot 1 is not positive"));
  }
}

TEST(malformed_calls_are_refused) {
  ThreadTeam team(1);
  std::vector<double> storage(64);
  std::vector<std::int32_t> integers(8);
  std::vector<float> floats(64);
  const auto refused = [&](const std::string& name, const std::vector<TensorView>& operands,
                           const std::vector<TensorView>& results, const std::vector<double>& attributes = {}) {
    const test::Scope scope(name);
    CHECK(runOp(name, activeIsa(), team, operands, results, attributes).code() == StatusCode::kInvalid);
  };
  const auto d = [&](const std::vector<std::int64_t>& dims) { return view(storage, dims); };
  refused("cholesky", {d({2, 3})}, {d({2, 3})});
  refused("cholesky", {d({2, 2})}, {d({3, 3})});
  refused("cholesky", {d({4})}, {d({4})});
  refused("cholesky", {view(integers, {2, 2})}, {view(integers, {2, 2})});
  refused("inv", {d({2, 2, 2})}, {d({3, 2, 2})});
  refused("inv", {d({2, 2})}, {view(floats, {2, 2})});
  refused("lu", {d({3, 2})}, {d({3, 2}), view(integers, {2}), d({})});
  refused("lu", {d({3, 2})}, {d({3, 2}), d({3}), d({})});
  refused("solve", {d({2, 2}), d({3, 1})}, {d({3, 1})});
  refused("solve", {d({2, 2}), d({2})}, {d({2})});
  refused("solveTriangular", {d({2, 2}), d({2, 1})}, {d({2, 2})}, {0, 0});
  refused("eigh", {d({2, 2})}, {d({2}), d({2, 2})}, {0});
  refused("eig", {d({2, 2})}, {d({2}), d({2}), d({2, 2}), d({2, 0})}, {1});
  refused("schur", {d({2, 2})}, {d({2, 2}), d({2})});
  refused("svd", {d({3, 2})}, {d({3, 3}), d({2}), d({2, 2})}, {0, 1});
  refused("qr", {d({3, 2})}, {d({3, 2}), d({2, 2}), view(integers, {3})}, {0, 0});
  refused("qr", {d({3, 2})}, {d({3, 2}), d({2, 2}), view(integers, {2})}, {3, 0});
}

}  // namespace
}  // namespace gemmule
