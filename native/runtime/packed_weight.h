#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/memory.h"
#include "runtime/status.h"
#include "runtime/tensor_view.h"
#include "runtime/thread_team.h"

namespace gemmule {

/// Storage formats of a packed weight; the values are those that TypeScript passes to `pack`.
enum class PackFormat { kFloat32 = 0, kBfloat16 = 1, kInt8 = 2, kBfloat16Products = 3 };

/// Output features that lie side by side in a panel.
inline constexpr std::int64_t kPanelWidth = 16;

/// What is packed.
struct PackSource {
  /// Rank 2, [outFeatures, inFeatures], any strides: float32, float16 or bfloat16; or, with `groupScales`, uint8.
  TensorView weight;
  /// int8 only: a number for every input feature, or null for ones. Weights are divided by it here, and activations
  /// multiplied before they are quantised, which leaves the product as it is and moves what is hard to quantise from
  /// one to the other (SmoothQuant, Xiao et al., arXiv:2211.10438).
  const float* inputScale = nullptr;
  /// int8 only, [outFeatures, groups]: `weight` has been quantised (and divided by `inputScale`) already; its numbers
  /// are those of int8 plus 128, and these are their scales. Null where it has not.
  const float* groupScales = nullptr;
};

/// A weight matrix [outFeatures, inFeatures] in the layout that the GEMM kernels read: panels of 16 output features,
/// the last padded with zeros. Immutable once made, shared between threads.
///
/// In float32 and bfloat16 a panel holds the 16 weights of input feature 0, then those of input feature 1, and so on,
/// for all instruction sets alike. In int8 a panel is groups of 64 input features, laid out as the instruction set
/// wants it (kernels/gemm_int8.h). For products of bfloat16 it holds pairs of input features (kernels/gemm_bfloat16.h).
class PackedWeight {
 public:
  /// Packs for the kernels given.
  static Status pack(PackFormat format, const PackSource& source, const KernelTable& kernels, ThreadTeam& team,
                     std::shared_ptr<const PackedWeight>& result);

  PackFormat format() const { return format_; }
  std::int64_t outFeatures() const { return outFeatures_; }
  std::int64_t inFeatures() const { return inFeatures_; }
  std::int64_t panels() const { return (outFeatures_ + kPanelWidth - 1) / kPanelWidth; }
  /// Groups of 64 input features that share a scale in int8; the last may be shorter.
  std::int64_t groups() const { return (inFeatures_ + kInt8Group - 1) / kInt8Group; }
  /// Pairs of input features, the last filled up with a zero.
  std::int64_t pairs() const { return (inFeatures_ + 1) / 2; }
  /// Which instruction sets can read it, in int8.
  Int8Layout int8Layout() const { return int8Layout_; }
  /// [inFeatures], what to multiply activations with before they are quantised, or null.
  const float* inputScale() const { return inputScale_.empty() ? nullptr : inputScale_.data(); }
  /// Bytes that the packed form occupies.
  std::int64_t bytes() const { return static_cast<std::int64_t>(memory_.size()); }

  const std::byte* panel(std::int64_t index) const { return memory_.data() + index * panelBytes(); }
  std::int64_t panelBytes() const;

 private:
  PackFormat format_ = PackFormat::kFloat32;
  Int8Layout int8Layout_ = Int8Layout::kPairs;
  std::int64_t outFeatures_ = 0;
  std::int64_t inFeatures_ = 0;
  std::vector<float> inputScale_;
  MemoryBlock memory_;
};

}  // namespace gemmule
