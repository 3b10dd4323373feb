#pragma once

#include "kernels/kernel_table.h"

// What lies between these two is compiled for the instruction sets named, whatever the compiler's options are.
#define GEMMULE_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define GEMMULE_TARGET_BEGIN(sets) \
  GEMMULE_PRAGMA(clang attribute push(__attribute__((target(sets))), apply_to = function))
#define GEMMULE_TARGET_END GEMMULE_PRAGMA(clang attribute pop)
#else
#define GEMMULE_TARGET_BEGIN(sets) GEMMULE_PRAGMA(GCC push_options) GEMMULE_PRAGMA(GCC target(sets))
#define GEMMULE_TARGET_END GEMMULE_PRAGMA(GCC pop_options)
#endif

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
