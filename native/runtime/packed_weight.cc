#include "runtime/packed_weight.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace gemmule {
namespace {

float fromBfloat16(std::uint16_t half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// To nearest, ties to even; NaN stays NaN.
std::uint16_t toBfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
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

/// Weights [begin, end) of an output feature, as float32.
void readRow(const TensorView& weight, std::int64_t feature, std::int64_t begin, std::int64_t end, float* out) {
  const std::int64_t first = feature * weight.strides[0] + begin * weight.strides[1];
  const std::int64_t stride = weight.strides[1];
  const std::int64_t count = end - begin;
  if (weight.dtype == DType::kFloat32) {
    const float* row = weight.as<float>() + first;
    for (std::int64_t k = 0; k < count; ++k) out[k] = row[k * stride];
  } else {
    const std::uint16_t* row = weight.as<std::uint16_t>() + first;
    const auto convert = weight.dtype == DType::kFloat16 ? fromFloat16 : fromBfloat16;
    for (std::int64_t k = 0; k < count; ++k) out[k] = convert(row[k * stride]);
  }
}

template <typename Target, typename Store>
void packFloatPanel(const TensorView& weight, std::int64_t panel, Target* out, Store store) {
  const std::int64_t depth = weight.dims[1];
  // Rows are read in short runs, so that both sides stay in the first-level cache.
  constexpr std::int64_t kRun = 64;
  float run[kRun] = {};
  for (std::int64_t begin = 0; begin < depth; begin += kRun) {
    const std::int64_t end = std::min(begin + kRun, depth);
    for (std::int64_t column = 0; column < kPanelWidth; ++column) {
      const std::int64_t feature = panel * kPanelWidth + column;
      if (feature < weight.dims[0]) {
        readRow(weight, feature, begin, end, run);
      } else {
        std::fill(run, run + kRun, 0.0f);
      }
      for (std::int64_t k = begin; k < end; ++k) out[k * kPanelWidth + column] = store(run[k - begin]);
    }
  }
}

/// Quantises rows of weights as activations are, and lays them out as the columns of a panel.
class Int8PanelPacker {
 public:
  Int8PanelPacker(const Int8Kernels& kernels, const float* inputScale, std::int64_t depth, std::int64_t groups)
      : kernels_(kernels),
        inputScale_(inputScale),
        depth_(depth),
        groups_(groups),
        row_(static_cast<std::size_t>(depth)),
        quantized_(static_cast<std::size_t>(groups * kInt8Group)),
        scales_(static_cast<std::size_t>(groups)),
        corrections_(static_cast<std::size_t>(groups)) {}

  void pack(const TensorView& weight, std::int64_t panel, std::byte* out) {
    for (std::int64_t column = 0; column < kPanelWidth; ++column) {
      const std::int64_t feature = panel * kPanelWidth + column;
      if (feature < weight.dims[0]) {
        readRow(weight, feature, 0, depth_, row_.data());
      } else {
        std::fill(row_.begin(), row_.end(), 0.0f);
      }
      if (inputScale_ != nullptr) {
        for (std::size_t k = 0; k < row_.size(); ++k) row_[k] /= inputScale_[k];
      }
      quantize();
      store(column, out);
    }
  }

 private:
  void quantize() {
    Int8Rows rows;
    rows.x = row_.data();
    rows.rows = 1;
    rows.depth = depth_;
    rows.quantized = quantized_.data();
    rows.scales = scales_.data();
    rows.corrections = corrections_.data();
    kernels_.quantize(rows);
  }

  void store(std::int64_t column, std::byte* out) const {
    const bool pairs = kernels_.layout == Int8Layout::kPairs;
    const std::int64_t together = pairs ? 2 : 4;
    for (std::int64_t group = 0; group < groups_; ++group) {
      std::byte* target = out + group * kInt8GroupBytes;
      std::memcpy(target + column * 4, &scales_[static_cast<std::size_t>(group)], 4);
      target += kPanelWidth * 4;
      for (std::int64_t k = 0; k < kInt8Group; ++k) {
        const std::int64_t index = group * kInt8Group + k;
        const int value = pairs ? quantized_[static_cast<std::size_t>(index)]
                                : reinterpret_cast<const std::int8_t*>(quantized_.data())[index] + 128;
        target[(k / together * kPanelWidth + column) * together + k % together] =
            static_cast<std::byte>(static_cast<std::uint8_t>(value));
      }
    }
  }

  const Int8Kernels& kernels_;
  const float* inputScale_;
  std::int64_t depth_;
  std::int64_t groups_;
  std::vector<float> row_;
  /// int16 or, in the first half, int8: as the layout says.
  std::vector<std::int16_t> quantized_;
  std::vector<float> scales_;
  std::vector<std::int32_t> corrections_;
};

void packPanels(PackFormat format, const TensorView& weight, const Int8Kernels& int8, std::int64_t begin,
                std::int64_t end, const PackedWeight& packed, std::byte* out) {
  Int8PanelPacker packer(int8, packed.inputScale(), weight.dims[1], format == PackFormat::kInt8 ? packed.groups() : 0);
  for (std::int64_t panel = begin; panel < end; ++panel) {
    std::byte* target = out + panel * packed.panelBytes();
    switch (format) {
      case PackFormat::kFloat32:
        packFloatPanel(weight, panel, reinterpret_cast<float*>(target), [](float value) { return value; });
        break;
      case PackFormat::kBfloat16:
        packFloatPanel(weight, panel, reinterpret_cast<std::uint16_t*>(target), toBfloat16);
        break;
      case PackFormat::kInt8:
        packer.pack(weight, panel, target);
        break;
    }
  }
}

}  // namespace

std::int64_t PackedWeight::panelBytes() const {
  switch (format_) {
    case PackFormat::kBfloat16:
      return inFeatures_ * kPanelWidth * 2;
    case PackFormat::kInt8:
      return groups() * kInt8GroupBytes;
    default:
      return inFeatures_ * kPanelWidth * 4;
  }
}

Status PackedWeight::pack(PackFormat format, const TensorView& weight, const float* inputScale, const Int8Kernels& int8,
                          ThreadTeam& team, std::shared_ptr<const PackedWeight>& result) {
  if (weight.rank != 2) return Status::invalid("pack: the weight must have rank 2");
  if (weight.dtype != DType::kFloat32 && weight.dtype != DType::kFloat16 && weight.dtype != DType::kBfloat16) {
    return Status::invalid("pack: the weight must be float32, float16 or bfloat16");
  }
  auto packed = std::make_shared<PackedWeight>();
  if (format == PackFormat::kInt8 && inputScale != nullptr) {
    packed->inputScale_.assign(inputScale, inputScale + weight.dims[1]);
  }
  packed->format_ = format;
  packed->int8Layout_ = int8.layout;
  packed->outFeatures_ = weight.dims[0];
  packed->inFeatures_ = weight.dims[1];
  const std::int64_t panels = packed->panels();
  const auto bytes = static_cast<std::size_t>(panels * packed->panelBytes());
  packed->memory_ = MemoryBlock::make(bytes, MemoryKind::kPackedWeight);
  if (packed->memory_.data() == nullptr) {
    return Status::outOfMemory("pack: no memory for a packed weight of " + std::to_string(bytes) + " bytes");
  }
  const std::int64_t grain = std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, weight.dims[1]));
  team.parallelFor(panels, grain, [&](std::int64_t begin, std::int64_t end, int) {
    packPanels(format, weight, int8, begin, end, *packed, packed->memory_.data());
  });
  result = std::move(packed);
  return Status::ok();
}

}  // namespace gemmule
