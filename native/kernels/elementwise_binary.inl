// Binary functions and `where` of kernels/elementwise.h. No include guard: once a target.
//
// Plain loops over contiguous arrays, which the compiler turns into vectors of the target. float32 power, arctan2,
// floorDivide and remainder run in float64 lanes (wide_math.inl). Integers wrap; an integer divided by zero gives 0.

namespace elementwise {

template <typename T>
inline constexpr bool kIsFloating = false;
template <>
inline constexpr bool kIsFloating<float> = true;
template <>
inline constexpr bool kIsFloating<double> = true;

template <typename T>
struct BitsOf;
template <>
struct BitsOf<float> {
  using Type = std::uint32_t;
};
template <>
struct BitsOf<double> {
  using Type = std::uint64_t;
};

template <typename To, typename From>
GEMMULE_INLINE To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// The larger or smaller of two; NaN if either is NaN; -0 counts as smaller than 0. Of equal numbers the common (or
/// all) bits are taken, which differ from theirs only between zeros.
template <typename T, bool kMaximum>
GEMMULE_INLINE T extremeOf(T a, T b) {
  if constexpr (!kIsFloating<T>) {
    return kMaximum == (a > b) ? a : b;
  } else {
    using Bits = typename BitsOf<T>::Type;
    const Bits aBits = bitCast<Bits>(a);
    const Bits bBits = bitCast<Bits>(b);
    const T equal = bitCast<T>(kMaximum ? aBits & bBits : aBits | bBits);
    T y = kMaximum == (a > b) ? a : b;
    y = a == b ? equal : y;
    return a != a || b != b ? a + b : y;
  }
}

GEMMULE_INLINE std::int32_t divideIntegers(std::int32_t a, std::int32_t b, bool wantRemainder) {
  // In float64 vectors divide too. The quotient of 32-bit integers is further from every integer than float64 rounds,
  // unless it is one. -2^31 / -1 wraps.
  const double exact = __builtin_floor(static_cast<double>(a) / static_cast<double>(b == 0 ? 1 : b));
  const double wrapped = exact > 2147483647.0 ? -2147483648.0 : exact;
  const std::int32_t quotient = static_cast<std::int32_t>(wrapped);
  const std::uint32_t remainder =
      static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b) * static_cast<std::uint32_t>(quotient);
  const std::int32_t y = wantRemainder ? static_cast<std::int32_t>(remainder) : quotient;
  return b == 0 ? 0 : y;
}

/// By repeated squaring modulo 2^32; for negative b the integer part of the rational power.
inline std::int32_t powerOfIntegers(std::int32_t a, std::int32_t b) {
  if (b < 0) return a == 1 ? 1 : a != -1 ? 0 : (b & 1) == 0 ? 1 : -1;
  std::uint32_t result = 1;
  std::uint32_t square = static_cast<std::uint32_t>(a);
  for (std::uint32_t exponent = static_cast<std::uint32_t>(b); exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result *= square;
    square *= square;
  }
  return static_cast<std::int32_t>(result);
}

template <typename T, BinaryFunction kFunction>
GEMMULE_INLINE T applyNumeric(T a, T b) {
  using enum BinaryFunction;
  if constexpr (kFunction == kMaximum) return extremeOf<T, true>(a, b);
  if constexpr (kFunction == kMinimum) return extremeOf<T, false>(a, b);
  if constexpr (kIsFloating<T>) {
    if constexpr (kFunction == kAdd) return a + b;
    if constexpr (kFunction == kSubtract) return a - b;
    if constexpr (kFunction == kMultiply) return a * b;
    if constexpr (kFunction == kDivide) return a / b;
    if constexpr (kFunction == kPower) return static_cast<T>(sizeof(T) == 4 ? wide::Power::apply(a, b) : ::pow(a, b));
    if constexpr (kFunction == kArctan2) {
      return static_cast<T>(sizeof(T) == 4 ? wide::Arctan2::apply(a, b) : ::atan2(a, b));
    }
    if constexpr (kFunction == kFloorDivide) {
      return static_cast<T>(sizeof(T) == 4 ? wide::FloorDivide::apply(a, b) : wide::FloorDivide::exact(a, b));
    }
    if constexpr (kFunction == kRemainder) {
      return static_cast<T>(sizeof(T) == 4 ? wide::Remainder::apply(a, b) : wide::Remainder::exact(a, b));
    }
  } else {
    const std::uint32_t left = static_cast<std::uint32_t>(a);
    const std::uint32_t right = static_cast<std::uint32_t>(b);
    if constexpr (kFunction == kAdd) return static_cast<T>(left + right);
    if constexpr (kFunction == kSubtract) return static_cast<T>(left - right);
    if constexpr (kFunction == kMultiply) return static_cast<T>(left * right);
    if constexpr (kFunction == kFloorDivide) return static_cast<T>(divideIntegers(a, b, false));
    if constexpr (kFunction == kRemainder) return static_cast<T>(divideIntegers(a, b, true));
    if constexpr (kFunction == kPower) return static_cast<T>(powerOfIntegers(a, b));
  }
}

template <typename T, BinaryFunction kFunction>
GEMMULE_INLINE bool applyLogical(T a, T b) {
  using enum BinaryFunction;
  if constexpr (kFunction == kEqual) return a == b;
  if constexpr (kFunction == kNotEqual) return a != b;
  if constexpr (kFunction == kLess) return a < b;
  if constexpr (kFunction == kLessEqual) return a <= b;
  if constexpr (kFunction == kGreater) return a > b;
  if constexpr (kFunction == kGreaterEqual) return a >= b;
  if constexpr (kFunction == kLogicalAnd) return (a != 0) & (b != 0);
  if constexpr (kFunction == kLogicalOr) return (a != 0) | (b != 0);
  if constexpr (kFunction == kLogicalXor) return (a != 0) ^ (b != 0);
}

template <typename T, BinaryFunction kFunction, BinaryForm kForm>
void binaryLoop(const void* a, const void* b, void* y, std::int64_t count) {
  constexpr bool kToBool = kFunction >= BinaryFunction::kEqual;
  using Result = std::conditional_t<kToBool, std::uint8_t, T>;
  const T* __restrict left = static_cast<const T*>(a);
  const T* __restrict right = static_cast<const T*>(b);
  Result* __restrict to = static_cast<Result*>(y);
  const T leftConstant = left[0];
  const T rightConstant = right[0];
  storeElements(to, count, [&](std::int64_t n) -> Result {
    const T x = kForm == BinaryForm::kLeftConstant ? leftConstant : left[n];
    const T z = kForm == BinaryForm::kRightConstant ? rightConstant : right[n];
    if constexpr (kToBool) {
      return applyLogical<T, kFunction>(x, z) ? 1 : 0;
    } else {
      return applyNumeric<T, kFunction>(x, z);
    }
  });
  if constexpr (sizeof(T) == 4 && kIsFloating<T> &&
                (kFunction == BinaryFunction::kFloorDivide || kFunction == BinaryFunction::kRemainder)) {
    // What the fast division does not do exactly is rare: large quotients, infinities, zero divisors.
    for (std::int64_t n = 0; n < count; ++n) {
      const double x = kForm == BinaryForm::kLeftConstant ? leftConstant : left[n];
      const double z = kForm == BinaryForm::kRightConstant ? rightConstant : right[n];
      if (wide::dividesExactly(x, z)) continue;
      to[n] = static_cast<float>(kFunction == BinaryFunction::kRemainder ? wide::Remainder::exact(x, z)
                                                                         : wide::FloorDivide::exact(x, z));
    }
  }
}

template <typename T, BinaryFunction kFunction>
BinaryKernel binaryOf(BinaryForm form) {
  switch (form) {
    case BinaryForm::kLeftConstant:
      return binaryLoop<T, kFunction, BinaryForm::kLeftConstant>;
    case BinaryForm::kRightConstant:
      return binaryLoop<T, kFunction, BinaryForm::kRightConstant>;
    default:
      return binaryLoop<T, kFunction, BinaryForm::kArrays>;
  }
}

template <typename T>
BinaryKernel arithmetic(BinaryFunction function, BinaryForm form) {
  using enum BinaryFunction;
  switch (function) {
    case kAdd:
      return binaryOf<T, kAdd>(form);
    case kSubtract:
      return binaryOf<T, kSubtract>(form);
    case kMultiply:
      return binaryOf<T, kMultiply>(form);
    case kFloorDivide:
      return binaryOf<T, kFloorDivide>(form);
    case kRemainder:
      return binaryOf<T, kRemainder>(form);
    case kPower:
      return binaryOf<T, kPower>(form);
    case kDivide:
      if constexpr (kIsFloating<T>) return binaryOf<T, kDivide>(form);
      return nullptr;
    case kArctan2:
      if constexpr (kIsFloating<T>) return binaryOf<T, kArctan2>(form);
      return nullptr;
    default:
      return nullptr;
  }
}

template <typename T>
BinaryKernel comparison(BinaryFunction function, BinaryForm form) {
  using enum BinaryFunction;
  switch (function) {
    case kMaximum:
      return binaryOf<T, kMaximum>(form);
    case kMinimum:
      return binaryOf<T, kMinimum>(form);
    case kEqual:
      return binaryOf<T, kEqual>(form);
    case kNotEqual:
      return binaryOf<T, kNotEqual>(form);
    case kLess:
      return binaryOf<T, kLess>(form);
    case kLessEqual:
      return binaryOf<T, kLessEqual>(form);
    case kGreater:
      return binaryOf<T, kGreater>(form);
    case kGreaterEqual:
      return binaryOf<T, kGreaterEqual>(form);
    default:
      return nullptr;
  }
}

inline BinaryKernel logical(BinaryFunction function, BinaryForm form) {
  switch (function) {
    case BinaryFunction::kLogicalAnd:
      return binaryOf<std::uint8_t, BinaryFunction::kLogicalAnd>(form);
    case BinaryFunction::kLogicalOr:
      return binaryOf<std::uint8_t, BinaryFunction::kLogicalOr>(form);
    case BinaryFunction::kLogicalXor:
      return binaryOf<std::uint8_t, BinaryFunction::kLogicalXor>(form);
    default:
      return comparison<std::uint8_t>(function, form);
  }
}

template <typename T>
BinaryKernel numeric(BinaryFunction function, BinaryForm form) {
  return function < BinaryFunction::kMaximum ? arithmetic<T>(function, form) : comparison<T>(function, form);
}

inline BinaryKernel binary(BinaryFunction function, DType dtype, BinaryForm form) {
  switch (dtype) {
    case DType::kFloat32:
      return numeric<float>(function, form);
    case DType::kFloat64:
      return numeric<double>(function, form);
    case DType::kInt32:
      return numeric<std::int32_t>(function, form);
    case DType::kUint8:
      return numeric<std::uint8_t>(function, form);
    case DType::kBool:
      return logical(function, form);
    default:
      return nullptr;
  }
}

template <typename Word>
void whereLoop(const std::uint8_t* __restrict condition, const void* a, const void* b, void* y, std::int64_t count) {
  const Word* __restrict yes = static_cast<const Word*>(a);
  const Word* __restrict no = static_cast<const Word*>(b);
  Word* __restrict to = static_cast<Word*>(y);
  for (std::int64_t n = 0; n < count; ++n) {
    // Both are read whatever the condition, so that this becomes a blend.
    const Word x = yes[n];
    const Word z = no[n];
    to[n] = condition[n] != 0 ? x : z;
  }
}

inline void where(std::int64_t elementBytes, const std::uint8_t* condition, const void* a, const void* b, void* y,
                  std::int64_t count) {
  switch (elementBytes) {
    case 1:
      return whereLoop<std::uint8_t>(condition, a, b, y, count);
    case 2:
      return whereLoop<std::uint16_t>(condition, a, b, y, count);
    case 4:
      return whereLoop<std::uint32_t>(condition, a, b, y, count);
    default:
      return whereLoop<std::uint64_t>(condition, a, b, y, count);
  }
}

}  // namespace elementwise

inline constexpr ElementwiseKernels kElementwiseKernels = {elementwise::unary, elementwise::binary, elementwise::where};
