#pragma once

#include <span>

#include "runtime/op.h"

namespace gemmule {

// The tables of the operation families, each in the file of its name.
std::span<const OpDefinition> matrixOps();

}  // namespace gemmule
