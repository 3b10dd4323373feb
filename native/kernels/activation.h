#pragma once

namespace gemmule {

/// Activations of `linear`; the values are the indices of ACTIVATIONS in src/backend/primitives/transformer.ts.
enum class Activation { kNone = 0, kRelu = 1, kGelu = 2, kGeluTanh = 3, kSilu = 4, kTanh = 5 };

inline constexpr int kActivationCount = 6;

}  // namespace gemmule
