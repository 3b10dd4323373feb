#pragma once

#include <span>

#include "runtime/op.h"

namespace gemmule {

// The tables of the operation families, each in the file of its name.
std::span<const OpDefinition> matrixOps();
std::span<const OpDefinition> decompositionOps();
std::span<const OpDefinition> linearOps();
std::span<const OpDefinition> normalizationOps();
std::span<const OpDefinition> attentionOps();
std::span<const OpDefinition> rotaryOps();
std::span<const OpDefinition> gatingOps();
std::span<const OpDefinition> poolingOps();
std::span<const OpDefinition> codeOps();
std::span<const OpDefinition> elementwiseOps();
std::span<const OpDefinition> castOps();
std::span<const OpDefinition> reductionOps();
std::span<const OpDefinition> scanOps();
std::span<const OpDefinition> indexingOps();
std::span<const OpDefinition> sortOps();
std::span<const OpDefinition> randomOps();
std::span<const OpDefinition> sparseOps();
std::span<const OpDefinition> similarityOps();

}  // namespace gemmule
