// Unary functions of kernels/elementwise.h. No include guard: once a target.
//
// float32: one pass of 16-lane vectors (vector_math.inl) or of float64 lanes (wide_math.inl); 8 bytes of traffic an
// element. float64: the C library's functions, or single operations, which the compiler turns into vectors. Integers
// wrap.

namespace elementwise {

// ---- float32 in vectors of 16 lanes ----

struct Negative {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return negate(x); }
};
struct Absolute {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return abs(x); }
};
struct Sign {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) {
    const F32x16 one = select(equal(x, zero()), zero(), copySign(broadcast(1.0f), x));
    return select(isNaN(x), x, one);
  }
};
struct Square {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return mul(x, x); }
};
struct Reciprocal {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return div(broadcast(1.0f), x); }
};
struct Sqrt {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return sqrt(x); }
};
struct Rsqrt {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return div(broadcast(1.0f), sqrt(x)); }
};
struct Exp {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return exp(x); }
};
struct Expm1 {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return expm1(x); }
};
struct Log {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return log(x); }
};
struct Log1p {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return log1p(x); }
};
struct Tanh {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return tanh(x); }
};
struct Floor {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return floor(x); }
};
struct Ceil {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return ceil(x); }
};
struct Round {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return roundEven(x); }
};
struct Trunc {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return trunc(x); }
};
struct Erf {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return erf(x); }
};
struct Sigmoid {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return sigmoid(x); }
};
struct Relu {
  // In this order NaN and -0 come through.
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return max(zero(), x); }
};
struct Gelu {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return gelu(x); }
};
struct GeluTanh {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return geluTanh(x); }
};
struct Silu {
  static GEMMULE_INLINE F32x16 apply(F32x16 x) { return silu(x); }
};

template <typename Function>
void vectorLoop(const void* x, void* y, std::int64_t count) {
  const float* __restrict from = static_cast<const float*>(x);
  float* __restrict to = static_cast<float*>(y);
  std::int64_t n = 0;
  if (count * static_cast<std::int64_t>(sizeof(float)) >= kStreamBytes) {
    // A whole vector, of which the first elements are up to a line.
    store(to, Function::apply(load(from)));
    n = (kCacheLine - static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(to) % kCacheLine)) / 4;
    n = streamLines(to, n, count,
                    [&](std::int64_t first, float* line) { store(line, Function::apply(load(from + first))); });
  }
  for (; n + kLanes <= count; n += kLanes) store(to + n, Function::apply(load(from + n)));
  const int left = static_cast<int>(count - n);
  if (left > 0) storePartial(to + n, Function::apply(loadPartial(from + n, left)), left);
}

// ---- float32 in float64 lanes ----

template <typename Function>
void wideLoop(const void* x, void* y, std::int64_t count) {
  const float* __restrict from = static_cast<const float*>(x);
  float* __restrict to = static_cast<float*>(y);
  for (std::int64_t n = 0; n < count; ++n) {
    to[n] = static_cast<float>(Function::apply(static_cast<double>(from[n])));
  }
}

/// For functions of an angle: elements too large for the fast reduction are done again by the C library.
template <typename Function>
void angleLoop(const void* x, void* y, std::int64_t count) {
  constexpr std::int64_t kBlock = 512;
  const float* from = static_cast<const float*>(x);
  float* to = static_cast<float*>(y);
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t size = count - begin < kBlock ? count - begin : kBlock;
    wideLoop<Function>(from + begin, to + begin, size);
    int large = 0;
    for (std::int64_t n = begin; n < begin + size; ++n) {
      large |= !(__builtin_fabsf(from[n]) < static_cast<float>(wide::kLargestAngle));
    }
    if (large == 0) continue;
    for (std::int64_t n = begin; n < begin + size; ++n) {
      if (__builtin_fabsf(from[n]) < static_cast<float>(wide::kLargestAngle)) continue;
      to[n] = static_cast<float>(Function::exact(static_cast<double>(from[n])));
    }
  }
}

// ---- float64 ----

inline double sigmoid64(double x) {
  const double e = ::exp(-__builtin_fabs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
inline double gelu64(double x) { return x * 0.5 * ::erfc(x * -0.70710678118654752440); }
inline double geluTanh64(double x) { return x * sigmoid64(2 * 0.79788456080286535588 * (x + 0.044715 * x * x * x)); }

template <UnaryFunction kFunction>
GEMMULE_INLINE double apply64(double x) {
  using enum UnaryFunction;
  if constexpr (kFunction == kNegative) return -x;
  if constexpr (kFunction == kAbsolute) return __builtin_fabs(x);
  if constexpr (kFunction == kSign) return x > 0 ? 1.0 : x < 0 ? -1.0 : x == 0 ? 0.0 : x;
  if constexpr (kFunction == kSquare) return x * x;
  if constexpr (kFunction == kReciprocal) return 1 / x;
  if constexpr (kFunction == kSqrt) return __builtin_sqrt(x);
  if constexpr (kFunction == kRsqrt) return 1 / __builtin_sqrt(x);
  if constexpr (kFunction == kExp) return ::exp(x);
  if constexpr (kFunction == kExpm1) return ::expm1(x);
  if constexpr (kFunction == kLog) return ::log(x);
  if constexpr (kFunction == kLog1p) return ::log1p(x);
  if constexpr (kFunction == kLog2) return ::log2(x);
  if constexpr (kFunction == kLog10) return ::log10(x);
  if constexpr (kFunction == kSin) return ::sin(x);
  if constexpr (kFunction == kCos) return ::cos(x);
  if constexpr (kFunction == kTan) return ::tan(x);
  if constexpr (kFunction == kArcsin) return ::asin(x);
  if constexpr (kFunction == kArccos) return ::acos(x);
  if constexpr (kFunction == kArctan) return ::atan(x);
  if constexpr (kFunction == kSinh) return ::sinh(x);
  if constexpr (kFunction == kCosh) return ::cosh(x);
  if constexpr (kFunction == kTanh) return ::tanh(x);
  if constexpr (kFunction == kFloor) return __builtin_floor(x);
  if constexpr (kFunction == kCeil) return __builtin_ceil(x);
  if constexpr (kFunction == kRound) return __builtin_nearbyint(x);
  if constexpr (kFunction == kTrunc) return __builtin_trunc(x);
  if constexpr (kFunction == kErf) return ::erf(x);
  if constexpr (kFunction == kSigmoid) return sigmoid64(x);
  if constexpr (kFunction == kRelu) return x < 0 ? 0.0 : x;
  if constexpr (kFunction == kGelu) return gelu64(x);
  if constexpr (kFunction == kGeluTanh) return geluTanh64(x);
  if constexpr (kFunction == kSilu) return x * sigmoid64(x);
}

template <UnaryFunction kFunction>
void loop64(const void* x, void* y, std::int64_t count) {
  const double* __restrict from = static_cast<const double*>(x);
  double* __restrict to = static_cast<double*>(y);
  for (std::int64_t n = 0; n < count; ++n) to[n] = apply64<kFunction>(from[n]);
}

// ---- Integers; arithmetic on unsigned numbers, because signed ones must not overflow ----

template <typename T, UnaryFunction kFunction>
GEMMULE_INLINE T applyInteger(T x) {
  using enum UnaryFunction;
  const std::uint32_t bits = static_cast<std::uint32_t>(x);
  if constexpr (kFunction == kNegative) return static_cast<T>(0u - bits);
  if constexpr (kFunction == kAbsolute) return x < T{0} ? static_cast<T>(0u - bits) : x;
  if constexpr (kFunction == kSign) return static_cast<T>((x > T{0}) - (x < T{0}));
  if constexpr (kFunction == kSquare) return static_cast<T>(bits * bits);
  if constexpr (kFunction == kRelu) return x < T{0} ? T{0} : x;
}

template <typename T, UnaryFunction kFunction>
void integerLoop(const void* x, void* y, std::int64_t count) {
  const T* __restrict from = static_cast<const T*>(x);
  T* __restrict to = static_cast<T*>(y);
  for (std::int64_t n = 0; n < count; ++n) to[n] = applyInteger<T, kFunction>(from[n]);
}

template <typename T>
UnaryKernel integerUnary(UnaryFunction function) {
  using enum UnaryFunction;
  switch (function) {
    case kNegative:
      return integerLoop<T, kNegative>;
    case kAbsolute:
      return integerLoop<T, kAbsolute>;
    case kSign:
      return integerLoop<T, kSign>;
    case kSquare:
      return integerLoop<T, kSquare>;
    case kRelu:
      return integerLoop<T, kRelu>;
    default:
      return nullptr;
  }
}

// ---- To bool ----

template <typename T>
void isNaNLoop(const void* x, void* y, std::int64_t count) {
  const T* __restrict from = static_cast<const T*>(x);
  std::uint8_t* __restrict to = static_cast<std::uint8_t*>(y);
  for (std::int64_t n = 0; n < count; ++n) to[n] = from[n] != from[n] ? 1 : 0;
}

template <typename T>
void isFiniteLoop(const void* x, void* y, std::int64_t count) {
  const T* __restrict from = static_cast<const T*>(x);
  std::uint8_t* __restrict to = static_cast<std::uint8_t*>(y);
  constexpr T kInfinity = static_cast<T>(__builtin_inf());
  for (std::int64_t n = 0; n < count; ++n) to[n] = from[n] > -kInfinity && from[n] < kInfinity ? 1 : 0;
}

inline void logicalNotLoop(const void* x, void* y, std::int64_t count) {
  const std::uint8_t* __restrict from = static_cast<const std::uint8_t*>(x);
  std::uint8_t* __restrict to = static_cast<std::uint8_t*>(y);
  for (std::int64_t n = 0; n < count; ++n) to[n] = from[n] == 0 ? 1 : 0;
}

// ---- Which kernel ----

/// In the order of UnaryFunction, as far as the result is a number.
inline constexpr UnaryKernel kUnary32[] = {
    vectorLoop<Negative>,   vectorLoop<Absolute>,   vectorLoop<Sign>,       vectorLoop<Square>,
    vectorLoop<Reciprocal>, vectorLoop<Sqrt>,       vectorLoop<Rsqrt>,      vectorLoop<Exp>,
    vectorLoop<Expm1>,      vectorLoop<Log>,        vectorLoop<Log1p>,      wideLoop<wide::Log2>,
    wideLoop<wide::Log10>,  angleLoop<wide::Sin>,   angleLoop<wide::Cos>,   angleLoop<wide::Tan>,
    wideLoop<wide::Arcsin>, wideLoop<wide::Arccos>, wideLoop<wide::Arctan>, wideLoop<wide::Sinh>,
    wideLoop<wide::Cosh>,   vectorLoop<Tanh>,       vectorLoop<Floor>,      vectorLoop<Ceil>,
    vectorLoop<Round>,      vectorLoop<Trunc>,      vectorLoop<Erf>,        vectorLoop<Sigmoid>,
    vectorLoop<Relu>,       vectorLoop<Gelu>,       vectorLoop<GeluTanh>,   vectorLoop<Silu>,
};

template <int... kFunctions>
UnaryKernel unary64(int index, std::integer_sequence<int, kFunctions...>) {
  static constexpr UnaryKernel kKernels[] = {loop64<static_cast<UnaryFunction>(kFunctions)>...};
  return kKernels[index];
}

inline constexpr int kNumericFunctions = static_cast<int>(UnaryFunction::kSilu) + 1;
static_assert(sizeof(kUnary32) / sizeof(kUnary32[0]) == kNumericFunctions);

inline UnaryKernel unary(UnaryFunction function, DType dtype) {
  const int index = static_cast<int>(function);
  if (function == UnaryFunction::kLogicalNot) return dtype == DType::kBool ? logicalNotLoop : nullptr;
  switch (dtype) {
    case DType::kFloat32:
      if (function == UnaryFunction::kIsNaN) return isNaNLoop<float>;
      if (function == UnaryFunction::kIsFinite) return isFiniteLoop<float>;
      return kUnary32[index];
    case DType::kFloat64:
      if (function == UnaryFunction::kIsNaN) return isNaNLoop<double>;
      if (function == UnaryFunction::kIsFinite) return isFiniteLoop<double>;
      return unary64(index, std::make_integer_sequence<int, kNumericFunctions>());
    case DType::kInt32:
      return integerUnary<std::int32_t>(function);
    case DType::kUint8:
      return integerUnary<std::uint8_t>(function);
    default:
      return nullptr;
  }
}

}  // namespace elementwise
