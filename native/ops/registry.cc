#include <vector>

#include "ops/ops.h"

namespace gemmule {

std::span<const OpDefinition> allOps() {
  static const std::vector<OpDefinition> all = [] {
    std::vector<OpDefinition> joined;
    for (const std::span<const OpDefinition> family : {
             matrixOps(),
             decompositionOps(),
             linearOps(),
             normalizationOps(),
             attentionOps(),
             rotaryOps(),
             gatingOps(),
             poolingOps(),
             codeOps(),
             elementwiseOps(),
             castOps(),
             reductionOps(),
             scanOps(),
             indexingOps(),
             sortOps(),
             randomOps(),
             sparseOps(),
             similarityOps(),
         }) {
      joined.insert(joined.end(), family.begin(), family.end());
    }
    return joined;
  }();
  return all;
}

}  // namespace gemmule
