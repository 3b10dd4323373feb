// Products with packed weights, by rows of x, against OpenBLAS's sgemm and the processor's own limit, on one thread.
//
//   linear_bench [outFeatures inFeatures]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "kernels/kernel_table.h"
#include "linalg/blas.h"
#include "runtime/packed_weight.h"

namespace gemmule {
namespace {

/// The median of nine, each of about 20 ms, in seconds a call.
double medianSeconds(const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const auto time = [&](int calls) {
    const Clock::time_point start = Clock::now();
    for (int n = 0; n < calls; ++n) call();
    return std::chrono::duration<double>(Clock::now() - start).count() / calls;
  };
  const int calls = std::max(1, static_cast<int>(0.02 / std::max(1e-7, time(1))));
  std::vector<double> times;
  for (int round = 0; round < 9; ++round) times.push_back(time(calls));
  std::nth_element(times.begin(), times.begin() + 4, times.end());
  return times[4];
}

void bench(std::int64_t outFeatures, std::int64_t inFeatures) {
  ThreadTeam team(1);
  std::vector<float> weight(static_cast<std::size_t>(outFeatures * inFeatures), 0.5f);
  TensorView view;
  view.rank = 2;
  view.dims = {outFeatures, inFeatures};
  view.strides = {inFeatures, 1};
  view.data = reinterpret_cast<std::byte*>(weight.data());
  std::shared_ptr<const PackedWeight> packed;
  if (!PackedWeight::pack(PackFormat::kFloat32, view, kernelsFor(activeIsa()).int8, team, packed).isOk()) return;

  ensureBlas();
  std::printf("[%lld, %lld], GFLOP/s\n%6s", static_cast<long long>(outFeatures), static_cast<long long>(inFeatures),
              "rows");
  std::vector<Isa> isas = {Isa::kBaseline};
  if (cpuFeatures().avx2) isas.push_back(Isa::kAvx2);
  if (cpuFeatures().avx512) isas.push_back(Isa::kAvx512);
  if (cpuFeatures().neon) isas = {Isa::kNeon};
  for (const Isa isa : isas) std::printf("%12s", isaName(isa));
  std::printf("%12s\n", "OpenBLAS");
  for (const std::int64_t rows : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 96, 128, 512}) {
    std::vector<float> x(static_cast<std::size_t>(rows * inFeatures), 0.25f);
    std::vector<float> y(static_cast<std::size_t>(rows * outFeatures));
    const double operations = 2e-9 * static_cast<double>(rows * outFeatures * inFeatures);
    std::printf("%6lld", static_cast<long long>(rows));
    for (const Isa isa : isas) {
      const double seconds = medianSeconds([&] {
        for (std::int64_t row = 0; row < rows; row += 96) {
          GemmBlock block{};
          block.x = x.data() + row * inFeatures;
          block.xStride = inFeatures;
          block.rows = std::min<std::int64_t>(96, rows - row);
          block.depth = inFeatures;
          block.panels = packed->panel(0);
          block.panelStride = inFeatures * kPanelWidth;
          block.columns = outFeatures;
          block.epilogue.y = y.data() + row * outFeatures;
          block.epilogue.yStride = outFeatures;
          kernelsFor(isa).gemm.float32(block);
        }
      });
      std::printf("%12.1f", operations / seconds);
    }
    const double seconds = medianSeconds([&] {
      const int m = static_cast<int>(rows);
      const int n = static_cast<int>(outFeatures);
      const int k = static_cast<int>(inFeatures);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, x.data(), k, weight.data(), k, 0, y.data(), n);
    });
    std::printf("%12.1f\n", operations / seconds);
  }
}

}  // namespace
}  // namespace gemmule

int main(int argc, char** argv) {
  if (argc == 3) {
    gemmule::bench(std::atoll(argv[1]), std::atoll(argv[2]));
    return 0;
  }
  gemmule::bench(1152, 384);
  gemmule::bench(1536, 384);
  gemmule::bench(384, 1536);
}
