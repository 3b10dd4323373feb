// Implements kernels/normalization.h; included once a target by kernels/targets.

// Calls `body(n, chain, count)` for every 16 columns, of which the last may be fewer: chains 0 and 1 in turn, so that
// an addition need not wait for the one before.
template <typename Body>
GEMMULE_INLINE void overColumns(std::int64_t columns, const Body& body) {
  const int rest = static_cast<int>(columns % (2 * kLanes));
  std::int64_t n = 0;
  for (; n < columns - rest; n += 2 * kLanes) {
    body(n, 0, kLanes);
    body(n + kLanes, 1, kLanes);
  }
  if (rest >= kLanes) {
    body(n, 0, kLanes);
    if (rest > kLanes) body(n + kLanes, 1, rest % kLanes);
  } else if (rest > 0) {
    body(n, 0, rest);
  }
}

GEMMULE_INLINE F32x16 lowLanesOf(F32x16 value, int count) {
  alignas(64) float lanes[kLanes] = {};
  storePartial(lanes, value, count);
  return load(lanes);
}

// Some rows at once: while one waits for its sum, its root or its quotient, the others go on.
template <int kRows>
void layerNormRows(const LayerNormRows& rows, std::int64_t row) {
  const float* x[kRows];
  float* y[kRows];
  for (int r = 0; r < kRows; ++r) {
    x[r] = rows.x + (row + r) * rows.xStride;
    y[r] = rows.y + (row + r) * rows.yStride;
    if (rows.residual == nullptr) continue;
    const float* residual = rows.residual + (row + r) * rows.residualStride;
    overColumns(
        rows.columns, [&](std::int64_t n, int, int count) __attribute__((always_inline)) {
          storeUpTo(y[r] + n, add(loadUpTo(x[r] + n, count), loadUpTo(residual + n, count)), count);
        });
    x[r] = y[r];
  }

  const float columns = static_cast<float>(rows.columns);
  F32x16 sum[kRows][2];
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = zero();
  overColumns(
      rows.columns, [&](std::int64_t n, int chain, int count) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) sum[r][chain] = add(sum[r][chain], loadUpTo(x[r] + n, count));
      });
  F32x16 mean[kRows];
  for (int r = 0; r < kRows; ++r) {
    mean[r] = broadcast(sumLanes(add(sum[r][0], sum[r][1])) / columns);
    sum[r][0] = sum[r][1] = zero();
  }
  overColumns(
      rows.columns, [&](std::int64_t n, int chain, int count) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
          F32x16 centred = sub(loadUpTo(x[r] + n, count), mean[r]);
          // Lanes beyond the row hold minus the mean.
          if (count < kLanes) centred = lowLanesOf(centred, count);
          sum[r][chain] = fma(centred, centred, sum[r][chain]);
        }
      });
  F32x16 inverse[kRows];
  for (int r = 0; r < kRows; ++r) {
    const float variance = sumLanes(add(sum[r][0], sum[r][1])) / columns;
    inverse[r] = div(broadcast(1.0f), sqrt(broadcast(variance + rows.epsilon)));
  }
  overColumns(
      rows.columns, [&](std::int64_t n, int, int count) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
          F32x16 value = mul(sub(loadUpTo(x[r] + n, count), mean[r]), inverse[r]);
          if (rows.weight != nullptr && rows.bias != nullptr) {
            value = fma(value, loadUpTo(rows.weight + n, count), loadUpTo(rows.bias + n, count));
          } else if (rows.weight != nullptr) {
            value = mul(value, loadUpTo(rows.weight + n, count));
          } else if (rows.bias != nullptr) {
            value = add(value, loadUpTo(rows.bias + n, count));
          }
          storeUpTo(y[r] + n, value, count);
        }
      });
}

inline void layerNorm(const LayerNormRows& rows) {
  constexpr int kRowsAtOnce = 4;
  std::int64_t row = 0;
  for (; row + kRowsAtOnce <= rows.rows; row += kRowsAtOnce) layerNormRows<kRowsAtOnce>(rows, row);
  for (; row < rows.rows; ++row) layerNormRows<1>(rows, row);
}

template <DType kDType>
void addTableRowOf(const void* row, std::int64_t columns, bool first, float* y) {
  for (std::int64_t n = 0; n < columns; n += kLanes) {
    const std::int64_t left = columns - n;
    const int partial = static_cast<int>(left);
    F32x16 value;
    if constexpr (kDType == DType::kFloat32) {
      value = loadUpTo(static_cast<const float*>(row) + n, left);
    } else {
      const std::uint16_t* bits = static_cast<const std::uint16_t*>(row) + n;
      if constexpr (kDType == DType::kFloat16) {
        value = left >= kLanes ? loadFloat16(bits) : loadFloat16Partial(bits, partial);
      } else {
        value = left >= kLanes ? loadBfloat16(bits) : loadBfloat16Partial(bits, partial);
      }
    }
    storeUpTo(y + n, first ? value : add(loadUpTo(y + n, left), value), left);
  }
}

inline void addTableRow(DType dtype, const void* row, std::int64_t columns, bool first, float* y) {
  switch (dtype) {
    case DType::kFloat16:
      addTableRowOf<DType::kFloat16>(row, columns, first, y);
      break;
    case DType::kBfloat16:
      addTableRowOf<DType::kBfloat16>(row, columns, first, y);
      break;
    default:
      addTableRowOf<DType::kFloat32>(row, columns, first, y);
      break;
  }
}

inline constexpr NormalizationKernels kNormalizationKernels = {layerNorm, addTableRow};
