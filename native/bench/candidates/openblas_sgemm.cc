// OpenBLAS's sgemm, which packs on every call.

#include <memory>
#include <vector>

#include "bench/candidates/candidate.h"
#include "linalg/blas.h"

namespace gemmule::bench {
namespace {

struct Weight {
  std::vector<float> numbers;
  int n;
  int k;
};

void* pack(const float* weight, std::int64_t n, std::int64_t k) {
  ensureBlas();
  auto packed = std::make_unique<Weight>(
      Weight{std::vector<float>(weight, weight + n * k), static_cast<int>(n), static_cast<int>(k)});
  return packed.release();
}

void run(const void* packed, const float* x, std::int64_t m, float* y) {
  const Weight& weight = *static_cast<const Weight*>(packed);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(m), weight.n, weight.k, 1, x, weight.k,
              weight.numbers.data(), weight.k, 0, y, weight.n);
}

void release(void* packed) { const std::unique_ptr<Weight> owner(static_cast<Weight*>(packed)); }

[[maybe_unused]] const bool registered = addCandidate({
    .name = "OpenBLAS sgemm",
    .format = PackFormat::kFloat32,
    .runsOn = [](const CpuFeatures&) { return true; },
    .pack = pack,
    .run = run,
    .release = release,
    // Half a unit in the last place for each of at most 1536 additions.
    .tolerance = 1536 * 0x1p-24,
});

}  // namespace
}  // namespace gemmule::bench
