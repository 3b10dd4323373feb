#include "kernels/kernel_table.h"
#include "kernels/targets/targets.h"

namespace gemmule {

const KernelTable& kernelsFor([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::kAvx512:
      // Every processor with AVX512_BF16 has VNNI.
      if (cpuFeatures().avx512Vnni && cpuFeatures().avx512Bf16) return avx512::kernelsWithVnniAndBfloat16();
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
