#include "kernels/kernel_table.h"
#include "kernels/targets/targets.h"

namespace gemmule {

const KernelTable& kernelsFor([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::kAvx512:
      return cpuFeatures().avx512Vnni ? avx512::kernelsWithVnni() : avx512::kernels();
    case Isa::kAvx2:
      return avx2::kernels();
    default:
      return baseline::kernels();
  }
#else
  return neon::kernels();
#endif
}

}  // namespace gemmule
