// Products with packed weights, by rows of x, against OpenBLAS's sgemm and the processor's own limit, on one thread.
//
//   linear_bench [outFeatures inFeatures]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "linalg/blas.h"
#include "runtime/op.h"
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

std::vector<Isa> isas() {
  if (cpuFeatures().neon) return {Isa::kNeon};
  std::vector<Isa> all = {Isa::kBaseline};
  if (cpuFeatures().avx2) all.push_back(Isa::kAvx2);
  if (cpuFeatures().avx512) all.push_back(Isa::kAvx512);
  return all;
}

/// `linear` as Programs run it, quantising included.
double linearSeconds(Isa isa, const TensorView& x, const TensorView& y, const PackedWeight& weight, ThreadTeam& team) {
  Operand input;
  input.kind = Operand::Kind::kTensor;
  input.tensor = x;
  Operand packed;
  packed.kind = Operand::Kind::kPacked;
  packed.packed = &weight;
  const Operand operands[] = {input, packed, Operand{}, Operand{}};
  const TensorView results[] = {y};
  const double attributes[] = {0};
  Scratch scratch;
  const OpContext context{operands, results, attributes, kernelsFor(isa), team, scratch};
  for (const OpDefinition& definition : allOps()) {
    if (std::string_view("linear") != definition.name) continue;
    return medianSeconds([&] {
      scratch.reset();
      if (!definition.run(context).isOk()) std::abort();
    });
  }
  return 0;
}

TensorView matrix(std::vector<float>& data, std::int64_t rows, std::int64_t columns) {
  TensorView view;
  view.rank = 2;
  view.dims = {rows, columns};
  view.strides = {columns, 1};
  view.data = reinterpret_cast<std::byte*>(data.data());
  return view;
}

void bench(std::int64_t outFeatures, std::int64_t inFeatures) {
  ensureBlas();
  ThreadTeam team(1);
  std::vector<float> weight(static_cast<std::size_t>(outFeatures * inFeatures), 0.5f);
  const TensorView weightView = matrix(weight, outFeatures, inFeatures);

  constexpr PackFormat kFormats[] = {PackFormat::kFloat32, PackFormat::kBfloat16, PackFormat::kInt8};
  constexpr const char* kNames[] = {"f32", "bf16", "int8"};
  std::printf("[%lld, %lld], 10^9 operations a second\n%6s", static_cast<long long>(outFeatures),
              static_cast<long long>(inFeatures), "rows");
  for (const Isa isa : isas()) {
    for (const char* name : kNames) std::printf("%10s %-4s", isaName(isa), name);
  }
  std::printf("%12s\n", "OpenBLAS");
  for (const std::int64_t rows : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 96, 128, 512}) {
    std::vector<float> x(static_cast<std::size_t>(rows * inFeatures), 0.25f);
    std::vector<float> y(static_cast<std::size_t>(rows * outFeatures));
    const double operations = 2e-9 * static_cast<double>(rows * outFeatures * inFeatures);
    std::printf("%6lld", static_cast<long long>(rows));
    for (const Isa isa : isas()) {
      for (const PackFormat format : kFormats) {
        std::shared_ptr<const PackedWeight> packed;
        if (!PackedWeight::pack(format, weightView, nullptr, kernelsFor(isa).int8, team, packed).isOk()) return;
        const double seconds =
            linearSeconds(isa, matrix(x, rows, inFeatures), matrix(y, rows, outFeatures), *packed, team);
        std::printf("%15.1f", operations / seconds);
      }
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
