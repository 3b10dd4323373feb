#pragma once

#include <cstdint>
#include <memory>

#include "runtime/memory.h"
#include "runtime/status.h"
#include "runtime/tensor_view.h"
#include "runtime/thread_team.h"

namespace gemmule {

/// Storage formats of a packed weight; the values are those that TypeScript passes to `pack`.
enum class PackFormat { kFloat32 = 0, kBfloat16 = 1, kInt8 = 2 };

/// Output features that lie side by side in a panel.
inline constexpr std::int64_t kPanelWidth = 16;

/// A weight matrix [outFeatures, inFeatures] in the layout that the GEMM kernels read.
///
/// One layout for all instruction sets: panels of 16 output features, within a panel the 16 weights of input feature 0, then
/// those of input feature 1, and so on; the last panel is padded with zeros. Immutable once made, shared between threads.
class PackedWeight {
 public:
  /// Packs `weight` (rank 2, any strides, float32, float16 or bfloat16).
  static Status pack(PackFormat format, const TensorView& weight, ThreadTeam& team,
                     std::shared_ptr<const PackedWeight>& result);

  PackFormat format() const { return format_; }
  std::int64_t outFeatures() const { return outFeatures_; }
  std::int64_t inFeatures() const { return inFeatures_; }
  std::int64_t panels() const { return (outFeatures_ + kPanelWidth - 1) / kPanelWidth; }
  /// Bytes that the packed form occupies.
  std::int64_t bytes() const { return static_cast<std::int64_t>(memory_.size()); }

  /// Format float32: panel p begins at `float32Panels() + p * inFeatures * 16`.
  const float* float32Panels() const { return reinterpret_cast<const float*>(memory_.data()); }

 private:
  PackFormat format_ = PackFormat::kFloat32;
  std::int64_t outFeatures_ = 0;
  std::int64_t inFeatures_ = 0;
  MemoryBlock memory_;
};

}  // namespace gemmule
