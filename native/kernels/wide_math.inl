// Functions of float32 computed in float64, where float32 alone would need double words. No include guard: once a
// target.
//
// Each is branch-free scalar code that the compiler turns into vectors of the target; selects stand where branches
// would. Only IEEE operations in one fixed order and no fused multiply-add: the same bits on every instruction set.
// Relative errors stay below 2^-33 before the one rounding to float32, so results are off by at most 0.51 units in the
// last place.

namespace wide {

inline constexpr double kInfinity = __builtin_inf();
inline constexpr double kNaN = __builtin_nan("");
inline constexpr double kPi = 3.141592653589793116;
inline constexpr double kLn2 = 0.693147180559945286;
inline constexpr double kLog2E = 1.442695040888963387;
inline constexpr double kLog10E = 0.434294481903251817;
inline constexpr double kLog10Of2 = 0.301029995663981198;

GEMMULE_INLINE double absolute(double x) { return __builtin_fabs(x); }
GEMMULE_INLINE double copySign(double magnitude, double sign) { return __builtin_copysign(magnitude, sign); }

GEMMULE_INLINE std::uint64_t bitsOf(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
GEMMULE_INLINE double doubleOf(std::uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// To the nearest integer for |x| < 2^51, by a sum whose last place is one.
GEMMULE_INLINE double nearestInteger(double x) { return (x + 6755399441055744.0) - 6755399441055744.0; }

/// 2^n for an integer -1022 <= n <= 1023: n + 1023 is put where adding 2^52 shows its bits, and moved to the exponent.
GEMMULE_INLINE double powerOfTwo(double n) { return doubleOf(bitsOf(n + (4503599627370496.0 + 1023.0)) << 52); }

/// e^r for |r| <= 0.35 by Taylor's series; the first term left out is below 3e-13.
GEMMULE_INLINE double expOfSmall(double r) {
  double q = 1.0 / 3628800;
  q = q * r + 1.0 / 362880;
  q = q * r + 1.0 / 40320;
  q = q * r + 1.0 / 5040;
  q = q * r + 1.0 / 720;
  q = q * r + 1.0 / 120;
  q = q * r + 1.0 / 24;
  q = q * r + 1.0 / 6;
  q = q * r + 0.5;
  q = q * r + 1.0;
  return q * r + 1.0;
}

/// 2^y; y beyond 300 in magnitude gives what overflows or vanishes as float32.
GEMMULE_INLINE double exp2(double y) {
  const double limited = y > 300.0 ? 300.0 : y < -300.0 ? -300.0 : y;
  const double n = nearestInteger(limited);
  return expOfSmall((limited - n) * kLn2) * powerOfTwo(n);
}

/// x = m * 2^k with sqrt(1/2) <= m < sqrt(2), and log(m).
struct LogParts {
  double k;
  double logOfM;
};

/// For positive normal finite x. log m = 2 artanh(s) with s = (m - 1) / (m + 1), |s| < 0.172: the first term of the
/// series that is left out is below 2e-12 relative.
GEMMULE_INLINE LogParts logParts(double x) {
  const std::uint64_t biased = (bitsOf(x) - 0x3fe6a09e667f3bcdu + (std::uint64_t{1023} << 52)) >> 52;
  const double k = doubleOf(biased | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
  const double m = doubleOf(bitsOf(x) - ((biased - 1023) << 52));
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double q = 1.0 / 13;
  q = q * z + 1.0 / 11;
  q = q * z + 1.0 / 9;
  q = q * z + 1.0 / 7;
  q = q * z + 1.0 / 5;
  q = q * z + 1.0 / 3;
  return {k, 2.0 * (s + s * z * q)};
}

/// What every logarithm gives outside the positive finite numbers.
GEMMULE_INLINE double logSpecials(double x, double y) {
  y = x == kInfinity ? kInfinity : y;
  y = x == 0.0 ? -kInfinity : y;
  y = x < 0.0 ? kNaN : y;
  return x != x ? x : y;
}

/// log2(x) of a positive finite x.
GEMMULE_INLINE double log2OfPositive(double x) {
  const LogParts parts = logParts(x);
  return parts.k + parts.logOfM * kLog2E;
}

struct Log2 {
  static GEMMULE_INLINE double apply(double x) { return logSpecials(x, log2OfPositive(x)); }
};

struct Log10 {
  static GEMMULE_INLINE double apply(double x) {
    const LogParts parts = logParts(x);
    return logSpecials(x, parts.k * kLog10Of2 + parts.logOfM * kLog10E);
  }
};

/// Sine, cosine and the number of quarter turns taken away, for |x| below kLargestAngle: the product of that number
/// with the first part of pi/2 (33 bits) is exact only up to there.
inline constexpr double kLargestAngle = 1.0e6;

struct Angle {
  double sine;
  double cosine;
  double quarterTurns;
};

/// By Taylor's series up to pi/4: the first terms left out are below 3e-14.
GEMMULE_INLINE Angle reduceAngle(double x) {
  const double n = nearestInteger(x * 0.63661977236758134);
  const double r = (x - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11;
  const double s = r * r;
  double a = 1.0 / 6227020800.0;
  a = a * s - 1.0 / 39916800;
  a = a * s + 1.0 / 362880;
  a = a * s - 1.0 / 5040;
  a = a * s + 1.0 / 120;
  a = a * s - 1.0 / 6;
  double c = 1.0 / 479001600;
  c = c * s - 1.0 / 3628800;
  c = c * s + 1.0 / 40320;
  c = c * s - 1.0 / 720;
  c = c * s + 1.0 / 24;
  c = c * s - 0.5;
  return {r * (1.0 + s * a), 1.0 + s * c, n};
}

/// The sine of an angle turned by `quarterTurns` (n modulo 4 is found by floor, which stays in vector registers).
GEMMULE_INLINE double sineOfTurned(double x, double quarterTurns) {
  const Angle angle = reduceAngle(x);
  const double turns = angle.quarterTurns + quarterTurns;
  const double halfTurns = __builtin_floor(turns * 0.5);
  const bool odd = turns - 2.0 * halfTurns != 0.0;
  const bool negative = halfTurns - 2.0 * __builtin_floor(halfTurns * 0.5) != 0.0;
  const double magnitude = odd ? angle.cosine : angle.sine;
  return negative ? -magnitude : magnitude;
}

struct Sin {
  static GEMMULE_INLINE double apply(double x) { return sineOfTurned(x, 0.0); }
  static double exact(double x) { return ::sin(x); }
};

struct Cos {
  static GEMMULE_INLINE double apply(double x) { return sineOfTurned(x, 1.0); }
  static double exact(double x) { return ::cos(x); }
};

struct Tan {
  static GEMMULE_INLINE double apply(double x) {
    const Angle angle = reduceAngle(x);
    const bool odd = angle.quarterTurns - 2.0 * __builtin_floor(angle.quarterTurns * 0.5) != 0.0;
    const double top = odd ? -angle.cosine : angle.sine;
    const double bottom = odd ? angle.sine : angle.cosine;
    return top / bottom;
  }
  static double exact(double x) { return ::tan(x); }
};

/// (arcsin(x) / x - 1) / x^2 at z = x^2 <= 1/4, fitted at Chebyshev's nodes; error 1e-12.
GEMMULE_INLINE double arcsinSeries(double z) {
  double q = 0.0283467452318333293;
  q = q * z + 0.00106750631503631179;
  q = q * z + 0.0168640902739601198;
  q = q * z + 0.0169026838863935747;
  q = q * z + 0.0224124177266954332;
  q = q * z + 0.0303799452100249331;
  q = q * z + 0.0446429064745849635;
  q = q * z + 0.0749999995342971186;
  return q * z + 0.166666666667386324;
}

/// arcsin(x) for |x| <= 1/2; beyond, arcsin(sqrt((1 - |x|) / 2)), of which both functions are made there.
GEMMULE_INLINE double arcsinCore(double a) {
  const double half = (1.0 - a) * 0.5;
  const double z = a > 0.5 ? half : a * a;
  const double t = a > 0.5 ? __builtin_sqrt(half) : a;
  return t + t * z * arcsinSeries(z);
}

struct Arcsin {
  static GEMMULE_INLINE double apply(double x) {
    const double a = absolute(x);
    const double core = arcsinCore(a);
    return copySign(a > 0.5 ? kPi / 2 - 2.0 * core : core, x);
  }
};

struct Arccos {
  static GEMMULE_INLINE double apply(double x) {
    const double a = absolute(x);
    const double core = arcsinCore(a);
    const double outer = x < 0.0 ? kPi - 2.0 * core : 2.0 * core;
    return a > 0.5 ? outer : kPi / 2 - copySign(core, x);
  }
};

/// arctan(y / x) for y, x >= 0, in [0, pi/2]: reduced to a ratio below tan(pi/8), error 2e-11 of what the first term
/// leaves.
GEMMULE_INLINE double arctanOfRatio(double y, double x) {
  const bool steep = y > x;
  const double low = steep ? x : y;
  const double high = steep ? y : x;
  const bool far = (low > 0.41421356237309503 * high) | (low == kInfinity);
  double t = (far ? low - high : low) / (far ? low + high : high);
  // Nothing by nothing is flat; infinity by infinity is pi/4, as 1 by 1.
  t = high == 0.0 ? 0.0 : t;
  t = low == kInfinity ? 0.0 : t;
  const double z = t * t;
  double q = -0.0404292266515970044;
  q = q * z + 0.0713518208468565208;
  q = q * z - 0.0902895830180789245;
  q = q * z + 0.111074931083529564;
  q = q * z - 0.142856124384795253;
  q = q * z + 0.199999989163430227;
  q = q * z - 0.333333333314387792;
  const double near = t + t * z * q;
  const double angle = far ? near + kPi / 4 : near;
  return steep ? kPi / 2 - angle : angle;
}

struct Arctan {
  static GEMMULE_INLINE double apply(double x) {
    const double y = copySign(arctanOfRatio(absolute(x), 1.0), x);
    return x != x ? x : y;
  }
};

struct Arctan2 {
  static GEMMULE_INLINE double apply(double y, double x) {
    const double angle = arctanOfRatio(absolute(y), absolute(x));
    const double turned = copySign(1.0, x) < 0.0 ? kPi - angle : angle;
    return ((y != y) | (x != x)) ? kNaN : copySign(turned, y);
  }
};

/// e^a for 0 <= a; beyond 100 it counts as 100, which overflows float32.
GEMMULE_INLINE double expOfPositive(double a) {
  const double limited = a > 100.0 ? 100.0 : a;
  const double n = nearestInteger(limited * kLog2E);
  // ln 2 in two parts; the product of the first with n is exact.
  const double r = (limited - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  return expOfSmall(r) * powerOfTwo(n);
}

struct Sinh {
  static GEMMULE_INLINE double apply(double x) {
    const double a = absolute(x);
    const double e = expOfPositive(a);
    const double z = x * x;
    double q = 1.0 / 6227020800.0;
    q = q * z + 1.0 / 39916800;
    q = q * z + 1.0 / 362880;
    q = q * z + 1.0 / 5040;
    q = q * z + 1.0 / 120;
    q = q * z + 1.0 / 6;
    const double small = x + x * z * q;
    const double large = copySign(0.5 * (e - 1.0 / e), x);
    const double y = a < 1.0 ? small : large;
    return x != x ? x : y;
  }
};

struct Cosh {
  static GEMMULE_INLINE double apply(double x) {
    const double e = expOfPositive(absolute(x));
    const double y = 0.5 * (e + 1.0 / e);
    return x != x ? x : y;
  }
};

/// a^b with the special values of IEEE 754's pow. log2 is good to 1e-12, so that |b log2 a| < 300 costs below 2^-31.
struct Power {
  static GEMMULE_INLINE double apply(double a, double b) {
    const double magnitude = absolute(a);
    double logarithm = log2OfPositive(magnitude);
    logarithm = magnitude == 0.0 ? -kInfinity : logarithm;
    logarithm = magnitude == kInfinity ? kInfinity : logarithm;
    double y = exp2(b * logarithm);
    // Beyond the clamp of exp2 only infinite exponents tell apart.
    y = magnitude == 1.0 ? 1.0 : y;
    const bool integer = __builtin_floor(b) == b;
    const double halfway = b * 0.5;
    const bool odd = integer && __builtin_floor(halfway) != halfway;
    y = copySign(1.0, a) < 0.0 && odd ? -y : y;
    y = a < 0.0 && magnitude != kInfinity && !integer ? kNaN : y;
    y = a != a || b != b ? kNaN : y;
    return a == 1.0 || b == 0.0 ? 1.0 : y;
  }
};

/// Floor division and remainder. With a quotient below 2^28 everything here is exact: a non-integer a / b is then
/// further from every integer than float64 rounds, and the product of the quotient with b has at most 52 bits.
inline constexpr double kLargestQuotient = 268435456.0;

struct Division {
  double quotient;
  double remainder;
};

GEMMULE_INLINE Division divideTowardsZero(double a, double b) {
  const double quotient = __builtin_trunc(a / b);
  return {quotient, a - quotient * b};
}

/// Whether `divideTowardsZero` is exact; not for NaN, infinities and zero divisors.
GEMMULE_INLINE bool dividesExactly(double a, double b) {
  return absolute(a) < kLargestQuotient * absolute(b) && absolute(b) < kInfinity;
}

struct FloorDivide {
  static GEMMULE_INLINE double apply(double a, double b) {
    const Division division = divideTowardsZero(a, b);
    const bool below = division.remainder != 0.0 && (division.remainder < 0.0) != (b < 0.0);
    const double quotient = below ? division.quotient - 1.0 : division.quotient;
    return quotient == 0.0 ? copySign(0.0, a / b) : quotient;
  }
  /// As Python's float.__divmod__: the remainder is taken away first, because a / b may round up to an integer.
  static double exact(double a, double b) {
    if (b == 0.0) return a / b;
    const double remainder = ::fmod(a, b);
    double quotient = (a - remainder) / b;
    if (remainder != 0.0 && (remainder < 0.0) != (b < 0.0)) quotient -= 1.0;
    if (quotient == 0.0) return copySign(0.0, a / b);
    const double below = ::floor(quotient);
    return quotient - below > 0.5 ? below + 1.0 : below;
  }
};

struct Remainder {
  static GEMMULE_INLINE double apply(double a, double b) {
    const double remainder = divideTowardsZero(a, b).remainder;
    const double turned = (remainder < 0.0) != (b < 0.0) ? remainder + b : remainder;
    return remainder == 0.0 ? copySign(0.0, b) : turned;
  }
  static double exact(double a, double b) {
    const double remainder = ::fmod(a, b);
    if (remainder == 0.0) return copySign(0.0, b);
    return (remainder < 0.0) == (b < 0.0) ? remainder : remainder + b;
  }
};

}  // namespace wide
