// Implements kernels/cast.h; included once a target by kernels/targets.
//
// One branch-free loop a pair of dtypes, which the compiler turns into vectors of the target. The 16-bit types go by
// way of their bits, so that every instruction set rounds alike and needs no conversion instructions.

namespace casting {

using elementwise::bitCast;

template <DType kDType>
struct Stored;
template <>
struct Stored<DType::kFloat32> {
  using Type = float;
};
template <>
struct Stored<DType::kFloat64> {
  using Type = double;
};
template <>
struct Stored<DType::kInt32> {
  using Type = std::int32_t;
};
template <>
struct Stored<DType::kUint8> {
  using Type = std::uint8_t;
};
template <>
struct Stored<DType::kBool> {
  using Type = std::uint8_t;
};
template <>
struct Stored<DType::kFloat16> {
  using Type = std::uint16_t;
};
template <>
struct Stored<DType::kBfloat16> {
  using Type = std::uint16_t;
};

/// Exponents move from bias 15 to 127; those of infinities and NaN move as far again. Subnormals are counts of 2^-24.
GEMMULE_INLINE float fromFloat16(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t bits = half & 0x7fffu;
  constexpr std::uint32_t kShift = 112u << 23;
  const std::uint32_t normal = (bits << 13) + (bits >= 0x7c00u ? 2 * kShift : kShift);
  const float tiny = static_cast<float>(static_cast<std::int32_t>(bits)) * 0x1p-24f;
  return bitCast<float>(sign | (bits < 0x0400u ? bitCast<std::uint32_t>(tiny) : normal));
}

/// To nearest, ties to even. Adding 1/2 puts the last place of a float16 below 2^-14 at that of a float32.
GEMMULE_INLINE std::uint16_t toFloat16(float x) {
  const std::uint32_t all = bitCast<std::uint32_t>(x);
  const std::uint32_t bits = all & 0x7fffffffu;
  const std::uint32_t odd = bits >> 13 & 1u;
  const std::uint32_t normal = (bits - (112u << 23) + 0xfffu + odd) >> 13;
  const std::uint32_t tiny = bitCast<std::uint32_t>(bitCast<float>(bits) + 0.5f) - 0x3f000000u;
  std::uint32_t half = bits < 0x38800000u ? tiny : normal;
  half = bits >= 0x47800000u ? 0x7c00u : half;
  half |= all >> 16 & 0x8000u;
  return static_cast<std::uint16_t>(bits > 0x7f800000u ? 0x7e00u : half);
}

GEMMULE_INLINE float fromBfloat16(std::uint16_t half) { return bitCast<float>(static_cast<std::uint32_t>(half) << 16); }

/// To nearest, ties to even.
GEMMULE_INLINE std::uint16_t toBfloat16(float x) {
  const std::uint32_t bits = bitCast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  return static_cast<std::uint16_t>(x != x ? 0x7fc0u : rounded);
}

/// The float32 next to x towards zero, made odd unless it is x: rounding that to fewer bits is as rounding x once
/// (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
GEMMULE_INLINE float roundToOdd(double x) {
  const float nearest = static_cast<float>(x);
  const double back = static_cast<double>(nearest);
  const std::uint32_t bits = bitCast<std::uint32_t>(nearest);
  const std::uint32_t towardsZero = __builtin_fabs(back) > __builtin_fabs(x) ? bits - 1u : bits;
  return bitCast<float>(back == x || x != x ? bits : towardsZero | 1u);
}

/// Towards zero, saturating; NaN becomes 0. The bounds are exact in both floating-point types.
template <typename Float>
GEMMULE_INLINE std::int32_t toInt32(Float x) {
  constexpr Float kEnd = static_cast<Float>(2147483648.0);
  const std::int32_t inside = static_cast<std::int32_t>(x > -kEnd && x < kEnd ? x : Float{0});
  const std::int32_t outside = x >= kEnd ? INT32_MAX : x <= -kEnd ? INT32_MIN : 0;
  return inside | outside;
}

template <typename Float>
GEMMULE_INLINE std::uint8_t toUint8(Float x) {
  const Float positive = x > Float{0} ? x : Float{0};
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(positive < Float{255} ? positive : Float{255}));
}

template <DType kFrom, DType kTo>
GEMMULE_INLINE typename Stored<kTo>::Type convert(typename Stored<kFrom>::Type x) {
  using enum DType;
  constexpr bool kFloating = kFrom == kFloat32 || kFrom == kFloat64;
  if constexpr (kFrom == kFloat16) {
    const float wide = fromFloat16(x);
    if constexpr (kTo == kFloat32) return wide;
    return convert<kFloat32, kTo>(wide);
  } else if constexpr (kFrom == kBfloat16) {
    const float wide = fromBfloat16(x);
    if constexpr (kTo == kFloat32) return wide;
    return convert<kFloat32, kTo>(wide);
  } else if constexpr (kTo == kFloat16 || kTo == kBfloat16) {
    float narrow;
    if constexpr (kFrom == kFloat64 || kFrom == kInt32) {
      narrow = roundToOdd(static_cast<double>(x));
    } else {
      narrow = static_cast<float>(x);
    }
    return kTo == kFloat16 ? toFloat16(narrow) : toBfloat16(narrow);
  } else if constexpr (kTo == kBool) {
    return x != 0 ? 1 : 0;
  } else if constexpr (kTo == kInt32 && kFloating) {
    return toInt32(x);
  } else if constexpr (kTo == kUint8 && kFloating) {
    return toUint8(x);
  } else {
    return static_cast<typename Stored<kTo>::Type>(x);
  }
}

template <DType kFrom, DType kTo>
void castLoop(const void* x, void* y, std::int64_t count) {
  const auto* __restrict from = static_cast<const typename Stored<kFrom>::Type*>(x);
  auto* __restrict to = static_cast<typename Stored<kTo>::Type*>(y);
  for (std::int64_t n = 0; n < count; ++n) to[n] = convert<kFrom, kTo>(from[n]);
}

template <DType kFrom>
CastKernel castFrom(DType to) {
  using enum DType;
  if (kFrom == to) return nullptr;
  switch (to) {
    case kFloat32:
      return castLoop<kFrom, kFloat32>;
    case kFloat64:
      return castLoop<kFrom, kFloat64>;
    case kInt32:
      return castLoop<kFrom, kInt32>;
    case kUint8:
      return castLoop<kFrom, kUint8>;
    case kBool:
      return castLoop<kFrom, kBool>;
    case kFloat16:
      return castLoop<kFrom, kFloat16>;
    default:
      return castLoop<kFrom, kBfloat16>;
  }
}

inline CastKernel between(DType from, DType to) {
  using enum DType;
  switch (from) {
    case kFloat32:
      return castFrom<kFloat32>(to);
    case kFloat64:
      return castFrom<kFloat64>(to);
    case kInt32:
      return castFrom<kInt32>(to);
    case kUint8:
      return castFrom<kUint8>(to);
    case kBool:
      return castFrom<kBool>(to);
    case kFloat16:
      return castFrom<kFloat16>(to);
    default:
      return castFrom<kBfloat16>(to);
  }
}

}  // namespace casting

inline constexpr CastKernels kCastKernels = {casting::between};
