// No include guard: every file in kernels/targets includes this once, after simd.h, inside its own namespace.
//
// Functions of 16 float32 lanes. Only IEEE operations in one fixed order, with explicit FMA: the same bits on every
// instruction set from AVX2 up (the x86 baseline has no FMA and may differ in the last places).
//
// Errors are in units in the last place of the exact result, subnormal results included, measured by
// native/test/vector_math_test.cc over every 61st float32 against float64 (AVX2 and up; the baseline's in brackets).
// The polynomials are minimax fits (Lawson's iteration on Chebyshev nodes, coefficients rounded to float32 one by one,
// the rest fitted anew after each); Cody and Waite, "Software Manual for the Elementary Functions", 1980, for the
// reductions.

GEMMULE_INLINE F32x16 clamp(F32x16 x, float low, float high) {
  // In this order NaN comes through.
  return min(broadcast(high), max(broadcast(low), x));
}

/// 2^n for -126 <= n <= 127.
GEMMULE_INLINE F32x16 powerOfTwo(I32x16 n) { return floatOf(shiftLeft<23>(addInt(n, broadcastInt(127)))); }

#if defined(GEMMULE_SIMD_AVX512)
/// x * 2^n for an integral n from -252 to 254, rounded once even where the result is subnormal (if |x| is not far below
/// 1).
GEMMULE_INLINE F32x16 scaleByPower(F32x16 x, F32x16 n) { return {_mm512_scalef_ps(x.v, n.v)}; }
/// The same for n from -126 to 127.
GEMMULE_INLINE F32x16 scaleByNormalPower(F32x16 x, F32x16 n) { return scaleByPower(x, n); }
#else
GEMMULE_INLINE F32x16 scaleByPower(F32x16 x, F32x16 n) {
  const I32x16 whole = toIntRounded(n);
  const I32x16 half = shiftRightArithmetic<1>(whole);
  return mul(mul(x, powerOfTwo(half)), powerOfTwo(subInt(whole, half)));
}
GEMMULE_INLINE F32x16 scaleByNormalPower(F32x16 x, F32x16 n) { return mul(x, powerOfTwo(toIntRounded(n))); }
#endif

/// exp(x) = fraction * 2^exponent, with fraction between 0.7 and 1.42.
struct ExpParts {
  F32x16 fraction;
  F32x16 exponent;
};

/// For |x| < 127 * ln 2; `tail` is what x lacks to the argument meant (below half a unit in x's last place).
GEMMULE_INLINE ExpParts expParts(F32x16 x, F32x16 tail) {
  const F32x16 n = roundEven(mul(x, broadcast(1.44269504f)));
  // ln 2 in two parts; the first has trailing zeros, so that its product with n is exact.
  F32x16 r = fma(n, broadcast(-0.693145752f), x);
  r = add(fma(n, broadcast(-1.42860677e-6f), r), tail);
  F32x16 q = broadcast(0.00138186966f);
  q = fma(q, r, broadcast(0.00836871564f));
  q = fma(q, r, broadcast(0.0416682921f));
  q = fma(q, r, broadcast(0.166665211f));
  q = fma(q, r, broadcast(0.49999994f));
  return {add(fma(q, mul(r, r), r), broadcast(1.0f)), n};
}

/// e^x. At most 1.1 ulp.
GEMMULE_INLINE F32x16 exp(F32x16 x) {
  const ExpParts parts = expParts(clamp(x, -104.0f, 89.0f), zero());
  return scaleByPower(parts.fraction, parts.exponent);
}

/// 2^x for x up to 127, and 0 for x below -125: what a softmax takes, whose sum such numbers do not change. Its
/// relative error is below 2.2e-7, of which all powers share 4e-8.
GEMMULE_INLINE F32x16 powerForSoftmax(F32x16 x) {
  const F32x16 n = roundEven(x);
  const F32x16 r = sub(x, n);
  F32x16 q = broadcast(0.00135209423f);
  q = fma(q, r, broadcast(0.00968538877f));
  q = fma(q, r, broadcast(0.0555008501f));
  q = fma(q, r, broadcast(0.240219146f));
  q = fma(q, r, broadcast(0.693147242f));
  q = fma(q, r, broadcast(1.00000012f));
  return select(less(x, broadcast(-125.0f)), zero(), scaleByNormalPower(q, n));
}

/// e^x - 1. At most 1.5 ulp.
GEMMULE_INLINE F32x16 expm1(F32x16 x) {
  const F32x16 clamped = clamp(x, -20.0f, 89.0f);
  const F32x16 n = roundEven(mul(clamped, broadcast(1.44269504f)));
  F32x16 r = fma(n, broadcast(-0.693145752f), clamped);
  r = fma(n, broadcast(-1.42860677e-6f), r);
  F32x16 q = broadcast(0.000199442715f);
  q = fma(q, r, broadcast(0.00139327231f));
  q = fma(q, r, broadcast(0.00833320804f));
  q = fma(q, r, broadcast(0.0416664891f));
  q = fma(q, r, broadcast(0.166666672f));
  q = fma(q, r, broadcast(0.5f));
  const F32x16 fraction = fma(q, mul(r, r), r);
  // Half of the power, because 2^128 has no float32.
  const F32x16 half = powerOfTwo(subInt(toIntRounded(n), broadcastInt(1)));
  const F32x16 scaled = fma(fraction, half, sub(half, broadcast(0.5f)));
  const F32x16 y = select(equal(n, zero()), fraction, add(scaled, scaled));
  return select(equal(x, zero()), x, y);
}

/// log(1 + f) + tail + k ln 2 for sqrt(1/2) <= 1 + f < sqrt(2).
GEMMULE_INLINE F32x16 logFromParts(F32x16 f, F32x16 tail, F32x16 k) {
  F32x16 q = broadcast(0.0675073341f);
  q = fma(q, f, broadcast(-0.11671482f));
  q = fma(q, f, broadcast(0.118836865f));
  q = fma(q, f, broadcast(-0.124060504f));
  q = fma(q, f, broadcast(0.142203197f));
  q = fma(q, f, broadcast(-0.166679949f));
  q = fma(q, f, broadcast(0.20002073f));
  q = fma(q, f, broadcast(-0.250000089f));
  q = fma(q, f, broadcast(0.333333135f));
  q = fma(q, f, broadcast(-0.5f));
  const F32x16 y = add(fma(q, mul(f, f), fma(k, broadcast(1.42860677e-6f), tail)), f);
  return fma(k, broadcast(0.693145752f), y);
}

/// The exponent k for which x / 2^k lies in [sqrt(1/2), sqrt(2)), for positive normal x.
GEMMULE_INLINE I32x16 balancedExponent(F32x16 x) {
  return shiftRightArithmetic<23>(subInt(bitsOf(x), broadcastInt(0x3f3504f3)));
}

/// Natural logarithm. At most 0.9 ulp.
GEMMULE_INLINE F32x16 log(F32x16 x) {
  const Mask16 tiny = less(x, broadcast(1.17549435e-38f));
  const F32x16 normal = select(tiny, mul(x, broadcast(8388608.0f)), x);
  const I32x16 k = balancedExponent(normal);
  const F32x16 m = floatOf(subInt(bitsOf(normal), shiftLeft<23>(k)));
  const F32x16 exponent = sub(toFloat(k), select(tiny, broadcast(23.0f), zero()));
  F32x16 y = logFromParts(sub(m, broadcast(1.0f)), zero(), exponent);
  y = select(equal(x, broadcast(__builtin_inff())), x, y);
  y = select(equal(x, zero()), broadcast(-__builtin_inff()), y);
  y = select(less(x, zero()), broadcast(__builtin_nanf("")), y);
  return select(isNaN(x), x, y);
}

/// log(1 + x). At most 1.1 ulp [1.2].
GEMMULE_INLINE F32x16 log1p(F32x16 x) {
  const F32x16 one = broadcast(1.0f);
  const F32x16 u = add(one, x);
  // What the sum lost.
  const F32x16 lost = select(less(abs(x), one), sub(x, sub(u, one)), sub(one, sub(u, x)));
  const I32x16 k = balancedExponent(u);
  const F32x16 m = floatOf(subInt(bitsOf(u), shiftLeft<23>(k)));
  const F32x16 exponent = toFloat(k);
  // For k above 126, where the power would not be normal, the loss no longer counts.
  const I32x16 negated = toIntRounded(max(broadcast(-126.0f), negate(exponent)));
  const F32x16 f = sub(m, one);
  // log(1 + f + d) = log(1 + f) + d / (1 + f), and 1 - f is near enough.
  const F32x16 d = mul(lost, powerOfTwo(negated));
  F32x16 y = logFromParts(f, fma(negate(f), d, d), exponent);
  y = select(equal(x, broadcast(__builtin_inff())), x, y);
  y = select(equal(x, broadcast(-1.0f)), broadcast(-__builtin_inff()), y);
  y = select(less(x, broadcast(-1.0f)), broadcast(__builtin_nanf("")), y);
  y = select(equal(x, zero()), x, y);
  return select(isNaN(x), x, y);
}

/// Hyperbolic tangent. At most 1.1 ulp.
GEMMULE_INLINE F32x16 tanh(F32x16 x) {
  const F32x16 a = abs(x);
  const F32x16 s = mul(a, a);
  F32x16 q = broadcast(0.00174175669f);
  q = fma(q, s, broadcast(-0.0076658125f));
  q = fma(q, s, broadcast(0.0214577932f));
  q = fma(q, s, broadcast(-0.0538945347f));
  q = fma(q, s, broadcast(0.133327201f));
  q = fma(q, s, broadcast(-0.333333164f));
  const F32x16 small = fma(mul(q, s), a, a);
  const F32x16 one = broadcast(1.0f);
  const F32x16 limited = min(broadcast(10.0f), a);
  const ExpParts parts = expParts(add(limited, limited), zero());
  const F32x16 e = scaleByNormalPower(parts.fraction, parts.exponent);
  const F32x16 large = sub(one, div(broadcast(2.0f), add(e, one)));
  return copySign(select(less(a, broadcast(0.75f)), small, large), x);
}

/// x > 0 ? numerator / (1 + e) : negativeNumerator * e / (1 + e) with e = exp(-(z + tail)): a logistic curve that keeps
/// its relative accuracy down to subnormal results. 0 <= z <= 113.
GEMMULE_INLINE F32x16 logistic(Mask16 negative, F32x16 numerator, F32x16 negativeNumerator, F32x16 z, F32x16 tail) {
  const ExpParts parts = expParts(negate(z), negate(tail));
  const F32x16 e = scaleByPower(parts.fraction, parts.exponent);
  const F32x16 top = select(negative, mul(negativeNumerator, parts.fraction), numerator);
  const F32x16 ratio = div(top, add(broadcast(1.0f), e));
  const F32x16 tiny = scaleByPower(ratio, parts.exponent);
  return select(negative, tiny, ratio);
}

/// 1 / (1 + exp(-x)). At most 2.4 ulp.
GEMMULE_INLINE F32x16 sigmoid(F32x16 x) {
  const F32x16 one = broadcast(1.0f);
  const F32x16 y = logistic(less(x, zero()), one, one, min(broadcast(104.0f), abs(x)), zero());
  return select(isNaN(x), x, y);
}

/// y, or NaN where x is NaN or -infinity, by which silu and geluTanh multiply a zero.
GEMMULE_INLINE F32x16 nanBelowFinite(F32x16 x, F32x16 y) {
  return select(less(broadcast(-__builtin_inff()), x), y, sub(x, x));
}

/// x / (1 + exp(-x)). At most 3.1 ulp.
GEMMULE_INLINE F32x16 silu(F32x16 x) {
  const F32x16 z = min(broadcast(112.0f), abs(x));
  const F32x16 y = logistic(less(x, zero()), x, negate(z), z, zero());
  return nanBelowFinite(x, y);
}

/// The error function. At most 1.1 ulp.
GEMMULE_INLINE F32x16 erf(F32x16 x) {
  const F32x16 a = abs(x);
  const F32x16 s = mul(a, a);
  F32x16 q = broadcast(8.00277485e-05f);
  q = fma(q, s, broadcast(-0.000805080403f));
  q = fma(q, s, broadcast(0.00519246049f));
  q = fma(q, s, broadcast(-0.0268557407f));
  q = fma(q, s, broadcast(0.112836257f));
  q = fma(q, s, broadcast(-0.376126289f));
  q = fma(q, s, broadcast(0.128379166f));
  const F32x16 small = fma(q, a, a);
  // Further out 1 - exp(-t w(t)); at 4 it has long been 1.
  const F32x16 t = min(broadcast(4.0f), a);
  F32x16 w = broadcast(5.29464842e-06f);
  w = fma(w, t, broadcast(-4.99145353e-05f));
  w = fma(w, t, broadcast(-2.75543662e-05f));
  w = fma(w, t, broadcast(0.00286941673f));
  w = fma(w, t, broadcast(-0.0225760434f));
  w = fma(w, t, broadcast(0.105169855f));
  w = fma(w, t, broadcast(0.635672987f));
  w = fma(w, t, broadcast(1.12854147f));
  const ExpParts parts = expParts(negate(mul(t, w)), zero());
  const F32x16 large = sub(broadcast(1.0f), scaleByNormalPower(parts.fraction, parts.exponent));
  return copySign(select(less(a, broadcast(0.95f)), small, large), x);
}

/// The probability that a normal variable is larger than 0.875 n + d, for n from 0 to 7 and |d| <= 0.4375, as
/// polynomials in d: row k holds the coefficients of d^k for every n. Minimax fits of the relative error; those of n =
/// 0 and 7 meet 1/2 and 0 at d = 0.
alignas(64) inline constexpr float kNormalTail[8][8] = {
    {0.5f, 0.190786958f, 0.0400591567f, 0.00433244836f, 0.0002326291f, 6.07163747e-06f, 7.60519754e-08f, 0.0f},
    {-0.398942292f, -0.27205497f, -0.0862773433f, -0.0127241733f, -0.000872681092f, -2.78347306e-05f, -4.12918098e-07f,
     -1.03334393e-07f},
    {1.07077113e-07f, 0.119023718f, 0.0754928961f, 0.0167004503f, 0.00152718567f, 6.08876071e-05f, 1.0836676e-06f,
     -3.65629171e-06f},
    {0.0664883927f, 0.0106266281f, -0.0296568051f, -0.0124926101f, -0.00163635006f, -8.41172296e-05f, -1.82353483e-06f,
     -5.02134462e-05f},
    {1.73841872e-05f, -0.0221526902f, 0.000386023108f, 0.00541598676f, 0.0011775546f, 8.18155968e-05f, 2.2111808e-06f,
     -0.000327519927f},
    {-0.0100534707f, 0.00228763698f, 0.00430054171f, -0.000964379869f, -0.000577968603f, -5.94728081e-05f,
     -2.10467215e-06f, -0.00109747669f},
    {0.000192477004f, 0.00254174788f, -0.00124505442f, -0.000312062126f, 0.000177096095f, 3.32134332e-05f,
     1.61932519e-06f, -0.00182357361f},
    {0.000983373495f, -0.000590635464f, -0.000157890987f, 0.000210951781f, -2.19839512e-05f, -1.17431773e-05f,
     -7.50666857e-07f, -0.00119058695f},
};

/// x * (1 + erf(x / sqrt 2)) / 2 = max(x, 0) - |x| * tail(|x|), the tail from a table of polynomials: beyond 6.125 it
/// is 0. At most 1.5 ulp above -1, 3.6 ulp above -3 [4.5], and 3e-9 absolute below [1e-8].
GEMMULE_INLINE F32x16 gelu(F32x16 x) {
  constexpr float kWidth = 0.875f;
  const F32x16 a = min(broadcast(7 * kWidth), abs(x));
  // The addition rounds to a whole number, which is then in the low bits.
  const F32x16 shift = broadcast(0x1.8p23f);
  const F32x16 shifted = fma(a, broadcast(1 / kWidth), shift);
  const F32x16 d = fma(sub(shifted, shift), broadcast(-kWidth), a);
  const I32x16 place = bitsOf(shifted);
  F32x16 tail = lookUp(kNormalTail[7], place);
#pragma GCC unroll 7
  for (int power = 6; power >= 0; --power) tail = fma(tail, d, lookUp(kNormalTail[power], place));
  // NaN where x is NaN or -infinity, which times its tail has no value.
  const F32x16 positive = select(less(x, zero()), mul(x, zero()), x);
  return fma(negate(a), tail, positive);
}

/// x * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, as x times a logistic curve whose argument is kept in two parts.
/// At most 3.1 ulp; [the baseline loses more below -3, less than 1e-7 absolute].
GEMMULE_INLINE F32x16 geluTanh(F32x16 x) {
  const F32x16 a = min(broadcast(11.0f), abs(x));
  const F32x16 square = mul(a, a);
  const F32x16 squareTail = fma(a, a, negate(square));
  // 2 sqrt(2/pi) and 0.044715 times it, each in two parts.
  const F32x16 linear = broadcast(1.59576917f);
  const F32x16 cubic = broadcast(0.0713548139f);
  const F32x16 product = mul(square, cubic);
  const F32x16 sum = add(linear, product);
  const F32x16 virtualProduct = sub(sum, linear);
  F32x16 sumTail = add(sub(linear, sub(sum, virtualProduct)), sub(product, virtualProduct));
  sumTail = add(sumTail, fma(square, cubic, negate(product)));
  sumTail = fma(squareTail, cubic, sumTail);
  sumTail = add(fma(square, broadcast(2.39883247e-09f), sumTail), broadcast(-4.53406805e-08f));
  const F32x16 z = mul(a, sum);
  const F32x16 tail = fma(a, sumTail, fma(a, sum, negate(z)));
  const F32x16 y = logistic(less(x, zero()), x, negate(a), z, tail);
  return nanBelowFinite(x, y);
}
