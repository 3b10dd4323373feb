#include "ops/ops.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

constexpr std::int64_t kGrain = 32768;

/// Attribute: the dtype's code. The same dtype makes a contiguous copy.
Status cast(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("cast", context, 1, 1));
  const TensorView& x = context.operands[0].tensor;
  const TensorView& y = context.results[0];
  std::int64_t code = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("cast", context, 0, 0, kDTypeCount - 1, &code));
  const DType dtype = static_cast<DType>(code);
  GEMMULE_RETURN_IF_ERROR(requireResult("cast", y, dtype, x));
  if (x.dtype == dtype) {
    copyElements(x, y.data, context.team);
    return Status::ok();
  }
  const CastKernel kernel = context.kernels.cast.between(x.dtype, dtype);
  const std::int64_t bytes = bytesPerElement(dtype);
  forEachPiece<1>({&x}, context, kGrain, [&](const Piece<1>& piece, std::int64_t position, std::int64_t count) {
    std::byte* to = y.data + position * bytes;
    if (piece.constant[0]) {
      kernel(piece.data[0], to, 1);
      fillElements(to, bytes, count, to);
    } else {
      kernel(piece.data[0], to, count);
    }
  });
  return Status::ok();
}

}  // namespace

std::span<const OpDefinition> castOps() {
  static constexpr OpDefinition kOps[] = {{"cast", 1, 1, 1, 1, cast}};
  return kOps;
}

}  // namespace gemmule
