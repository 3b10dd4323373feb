// Implements kernels/rotary.h; included once a target by kernels/targets.

inline void rotateHead(const RotaryRows& rows, const float* x, const float* angles, float* y) {
  const std::int64_t half = rows.half;
  for (std::int64_t n = 0; n < half; n += kLanes) {
    const std::int64_t left = half - n;
    const F32x16 cosine = loadUpTo(angles + n, left);
    const F32x16 sine = loadUpTo(angles + half + n, left);
    const F32x16 a = loadUpTo(x + n, left);
    const F32x16 b = loadUpTo(x + half + n, left);
    storeUpTo(y + n, fma(a, cosine, negate(mul(b, sine))), left);
    storeUpTo(y + half + n, fma(b, cosine, mul(a, sine)), left);
  }
  for (std::int64_t n = 2 * half; n < rows.headDim; ++n) y[n] = x[n];
}

inline void rotate(const RotaryRows& rows) {
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const float* angles = rows.table + rows.positions[row * rows.positionStride] * rows.tableStride;
    for (std::int64_t head = 0; head < rows.heads; ++head) {
      const std::int64_t column = head * rows.headDim;
      rotateHead(rows, rows.x + row * rows.xStride + column, angles, rows.y + row * rows.yStride + column);
    }
  }
}

inline constexpr RotaryKernels kRotaryKernels = {rotate};
