#include "runtime/packed_weight.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace gemmule {
namespace {

float fromBfloat16(std::uint16_t half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// A half's magnitude bits moved to a float's place are its value times 2^-112; the top exponent is infinity or NaN.
float fromFloat16(std::uint16_t half) {
  std::uint32_t bits = static_cast<std::uint32_t>(half & 0x7fffu) << 13;
  const bool special = (half & 0x7c00u) == 0x7c00u;
  if (special) bits |= 0x7f800000u;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  if (!special) value *= 0x1p112f;
  return (half & 0x8000u) != 0 ? -value : value;
}

template <typename T, typename Convert>
void packPanel(const TensorView& weight, std::int64_t panel, float* out, Convert convert) {
  const std::int64_t first = panel * kPanelWidth;
  const std::int64_t count = std::min(kPanelWidth, weight.dims[0] - first);
  const std::int64_t depth = weight.dims[1];
  // Rows are read in short runs, so that both sides stay in the first-level cache.
  constexpr std::int64_t kRun = 64;
  for (std::int64_t begin = 0; begin < depth; begin += kRun) {
    const std::int64_t end = std::min(begin + kRun, depth);
    for (std::int64_t column = 0; column < kPanelWidth; ++column) {
      if (column >= count) {
        for (std::int64_t k = begin; k < end; ++k) out[k * kPanelWidth + column] = 0.0f;
        continue;
      }
      const T* row = weight.as<T>() + (first + column) * weight.strides[0];
      for (std::int64_t k = begin; k < end; ++k) out[k * kPanelWidth + column] = convert(row[k * weight.strides[1]]);
    }
  }
}

}  // namespace

Status PackedWeight::pack(PackFormat format, const TensorView& weight, ThreadTeam& team,
                          std::shared_ptr<const PackedWeight>& result) {
  if (weight.rank != 2) return Status::invalid("pack: the weight must have rank 2");
  if (weight.dtype != DType::kFloat32 && weight.dtype != DType::kFloat16 && weight.dtype != DType::kBfloat16) {
    return Status::invalid("pack: the weight must be float32, float16 or bfloat16");
  }
  if (format != PackFormat::kFloat32) return Status::unsupported("pack: only the format float32 is supported");
  auto packed = std::make_shared<PackedWeight>();
  packed->format_ = format;
  packed->outFeatures_ = weight.dims[0];
  packed->inFeatures_ = weight.dims[1];
  const std::int64_t panels = packed->panels();
  const std::int64_t panelSize = weight.dims[1] * kPanelWidth;
  const auto bytes = static_cast<std::size_t>(panels * panelSize) * sizeof(float);
  packed->memory_ = MemoryBlock::make(bytes, MemoryKind::kPackedWeight);
  if (packed->memory_.data() == nullptr) {
    return Status::outOfMemory("pack: no memory for a packed weight of " + std::to_string(bytes) + " bytes");
  }
  float* out = reinterpret_cast<float*>(packed->memory_.data());
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, panelSize));
  team.parallelFor(panels, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      float* target = out + panel * panelSize;
      switch (weight.dtype) {
        case DType::kFloat16:
          packPanel<std::uint16_t>(weight, panel, target, fromFloat16);
          break;
        case DType::kBfloat16:
          packPanel<std::uint16_t>(weight, panel, target, fromBfloat16);
          break;
        default:
          packPanel<float>(weight, panel, target, [](float value) { return value; });
      }
    }
  });
  result = std::move(packed);
  return Status::ok();
}

}  // namespace gemmule
