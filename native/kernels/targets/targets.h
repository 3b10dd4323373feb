#pragma once

#include "kernels/kernel_table.h"

namespace gemmule {

// The table of each target; which exist depends on the architecture that the engine is built for.
namespace baseline {
const KernelTable& kernels();
}
namespace avx2 {
const KernelTable& kernels();
}
namespace avx512 {
const KernelTable& kernels();
const KernelTable& kernelsWithVnni();
const KernelTable& kernelsWithVnniAndBfloat16();
}  // namespace avx512
namespace neon {
const KernelTable& kernels();
}

}  // namespace gemmule
