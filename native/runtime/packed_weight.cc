#include "runtime/packed_weight.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace gemmule {
namespace {

/// To nearest, ties to even; NaN stays NaN.
std::uint16_t toBfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// Reads rows of a weight as float32.
class RowReader {
 public:
  RowReader(const TensorView& weight, const CastKernels& cast)
      : weight_(weight),
        toFloat_(weight.dtype == DType::kFloat32 ? nullptr : cast.between(weight.dtype, DType::kFloat32)) {}

  /// Weights [begin, end) of an output feature.
  void read(std::int64_t feature, std::int64_t begin, std::int64_t end, float* out) {
    const std::int64_t stride = weight_.strides[1];
    const std::int64_t first = feature * weight_.strides[0] + begin * stride;
    const std::int64_t count = end - begin;
    if (toFloat_ == nullptr) {
      gather(weight_.as<float>() + first, stride, count, out);
      return;
    }
    const std::uint16_t* row = weight_.as<std::uint16_t>() + first;
    if (stride != 1) {
      halves_.resize(static_cast<std::size_t>(count));
      gather(row, stride, count, halves_.data());
      row = halves_.data();
    }
    toFloat_(row, out, count);
  }

 private:
  template <typename T>
  static void gather(const T* row, std::int64_t stride, std::int64_t count, T* out) {
    for (std::int64_t k = 0; k < count; ++k) out[k] = row[k * stride];
  }

  const TensorView& weight_;
  CastKernel toFloat_;
  std::vector<std::uint16_t> halves_;
};

template <typename Target, typename Store>
void packFloatPanel(const TensorView& weight, const CastKernels& cast, std::int64_t panel, Target* out, Store store) {
  RowReader reader(weight, cast);
  const std::int64_t depth = weight.dims[1];
  // Rows are read in short runs, so that both sides stay in the first-level cache.
  constexpr std::int64_t kRun = 64;
  float run[kRun] = {};
  for (std::int64_t begin = 0; begin < depth; begin += kRun) {
    const std::int64_t end = std::min(begin + kRun, depth);
    for (std::int64_t column = 0; column < kPanelWidth; ++column) {
      const std::int64_t feature = panel * kPanelWidth + column;
      if (feature < weight.dims[0]) {
        reader.read(feature, begin, end, run);
      } else {
        std::fill(run, run + kRun, 0.0f);
      }
      for (std::int64_t k = begin; k < end; ++k) out[k * kPanelWidth + column] = store(run[k - begin]);
    }
  }
}

/// [pairs][16 columns][2] of bfloat16; what is beyond the weight is zero.
void packPairs(const TensorView& weight, const CastKernels& cast, std::int64_t panel, std::uint16_t* out) {
  RowReader reader(weight, cast);
  const std::int64_t depth = weight.dims[1];
  std::fill_n(out, (depth + 1) / 2 * kPanelWidth * 2, std::uint16_t{0});
  std::vector<float> row(static_cast<std::size_t>(depth));
  for (std::int64_t column = 0; column < kPanelWidth; ++column) {
    const std::int64_t feature = panel * kPanelWidth + column;
    if (feature >= weight.dims[0]) break;
    reader.read(feature, 0, depth, row.data());
    for (std::int64_t k = 0; k < depth; ++k) {
      out[(k / 2 * kPanelWidth + column) * 2 + k % 2] = toBfloat16(row[static_cast<std::size_t>(k)]);
    }
  }
}

/// Quantises rows of weights as activations are, and lays them out as the columns of a panel.
class Int8PanelPacker {
 public:
  Int8PanelPacker(const KernelTable& kernels, const PackSource& source, std::int64_t depth, std::int64_t groups)
      : kernels_(kernels.int8),
        source_(source),
        reader_(source.weight, kernels.cast),
        depth_(depth),
        groups_(groups),
        row_(static_cast<std::size_t>(depth)),
        quantized_(static_cast<std::size_t>(groups * kInt8Group)),
        scales_(static_cast<std::size_t>(groups)),
        corrections_(static_cast<std::size_t>(groups)) {}

  void pack(std::int64_t panel, std::byte* out) {
    for (std::int64_t column = 0; column < kPanelWidth; ++column) {
      const std::int64_t feature = panel * kPanelWidth + column;
      if (feature < source_.weight.dims[0] && source_.groupScales != nullptr) {
        readQuantized(feature);
      } else {
        readAndQuantize(feature);
      }
      store(column, out);
    }
  }

 private:
  void readQuantized(std::int64_t feature) {
    const TensorView& weight = source_.weight;
    const std::uint8_t* numbers = weight.as<std::uint8_t>() + feature * weight.strides[0];
    for (std::int64_t k = 0; k < depth_; ++k) {
      setNumber(k, static_cast<int>(numbers[k * weight.strides[1]]) - 128);
    }
    std::copy_n(source_.groupScales + feature * groups_, groups_, scales_.begin());
  }

  void readAndQuantize(std::int64_t feature) {
    if (feature < source_.weight.dims[0]) {
      reader_.read(feature, 0, depth_, row_.data());
      if (source_.inputScale != nullptr) {
        for (std::size_t k = 0; k < row_.size(); ++k) row_[k] /= source_.inputScale[k];
      }
    } else {
      std::fill(row_.begin(), row_.end(), 0.0f);
    }
    Int8Rows rows;
    rows.x = row_.data();
    rows.rows = 1;
    rows.depth = depth_;
    rows.quantized = quantized_.data();
    rows.scales = scales_.data();
    rows.corrections = corrections_.data();
    kernels_.quantize(rows);
  }

  bool isPairs() const { return kernels_.layout == Int8Layout::kPairs; }

  int number(std::int64_t k) const {
    return isPairs() ? quantized_[static_cast<std::size_t>(k)]
                     : reinterpret_cast<const std::int8_t*>(quantized_.data())[k];
  }

  void setNumber(std::int64_t k, int value) {
    if (isPairs()) {
      quantized_[static_cast<std::size_t>(k)] = static_cast<std::int16_t>(value);
    } else {
      reinterpret_cast<std::int8_t*>(quantized_.data())[k] = static_cast<std::int8_t>(value);
    }
  }

  void store(std::int64_t column, std::byte* out) const {
    const std::int64_t together = isPairs() ? 2 : 4;
    for (std::int64_t group = 0; group < groups_; ++group) {
      std::byte* target = out + group * kInt8GroupBytes;
      std::memcpy(target + column * 4, &scales_[static_cast<std::size_t>(group)], 4);
      target += kPanelWidth * 4;
      for (std::int64_t k = 0; k < kInt8Group; ++k) {
        const int value = number(group * kInt8Group + k) + (isPairs() ? 0 : 128);
        target[(k / together * kPanelWidth + column) * together + k % together] =
            static_cast<std::byte>(static_cast<std::uint8_t>(value));
      }
    }
  }

  const Int8Kernels& kernels_;
  const PackSource& source_;
  RowReader reader_;
  std::int64_t depth_;
  std::int64_t groups_;
  std::vector<float> row_;
  /// int16 or, in the first half, int8: as the layout says.
  std::vector<std::int16_t> quantized_;
  std::vector<float> scales_;
  std::vector<std::int32_t> corrections_;
};

void packPanels(PackFormat format, const PackSource& source, const KernelTable& kernels, std::int64_t begin,
                std::int64_t end, const PackedWeight& packed, std::byte* out) {
  const TensorView& weight = source.weight;
  Int8PanelPacker packer(kernels, source, weight.dims[1], format == PackFormat::kInt8 ? packed.groups() : 0);
  for (std::int64_t panel = begin; panel < end; ++panel) {
    std::byte* target = out + panel * packed.panelBytes();
    switch (format) {
      case PackFormat::kFloat32:
        packFloatPanel(weight, kernels.cast, panel, reinterpret_cast<float*>(target),
                       [](float value) { return value; });
        break;
      case PackFormat::kBfloat16:
        packFloatPanel(weight, kernels.cast, panel, reinterpret_cast<std::uint16_t*>(target), toBfloat16);
        break;
      case PackFormat::kInt8:
        packer.pack(panel, target);
        break;
      case PackFormat::kBfloat16Products:
        packPairs(weight, kernels.cast, panel, reinterpret_cast<std::uint16_t*>(target));
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
    case PackFormat::kBfloat16Products:
      return pairs() * kPanelWidth * 4;
    default:
      return inFeatures_ * kPanelWidth * 4;
  }
}

Status PackedWeight::pack(PackFormat format, const PackSource& source, const KernelTable& kernels, ThreadTeam& team,
                          std::shared_ptr<const PackedWeight>& result) {
  const TensorView& weight = source.weight;
  if (weight.rank != 2) return Status::invalid("pack: the weight must have rank 2");
  if (source.groupScales != nullptr) {
    if (weight.dtype != DType::kUint8 || format != PackFormat::kInt8) {
      return Status::invalid("pack: a quantised weight must be uint8, and packed as int8");
    }
  } else if (weight.dtype != DType::kFloat32 && weight.dtype != DType::kFloat16 && weight.dtype != DType::kBfloat16) {
    return Status::invalid("pack: the weight must be float32, float16 or bfloat16");
  }
  auto packed = std::make_shared<PackedWeight>();
  if (format == PackFormat::kInt8 && source.inputScale != nullptr) {
    packed->inputScale_.assign(source.inputScale, source.inputScale + weight.dims[1]);
  }
  packed->format_ = format;
  packed->int8Layout_ = kernels.int8.layout;
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
    packPanels(format, source, kernels, begin, end, *packed, packed->memory_.data());
  });
  result = std::move(packed);
  return Status::ok();
}

}  // namespace gemmule
