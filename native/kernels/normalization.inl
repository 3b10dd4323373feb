// Implements kernels/normalization.h; included once a target by kernels/targets.

// Sums run in two chains, so that one addition need not wait for the other.
inline void layerNormRow(const LayerNormRows& rows, const float* x, const float* residual, float* y) {
  const std::int64_t columns = rows.columns;
  F32x16 sum[2] = {zero(), zero()};
  for (std::int64_t n = 0; n < columns; n += kLanes) {
    F32x16 value = loadUpTo(x + n, columns - n);
    if (residual != nullptr) value = add(value, loadUpTo(residual + n, columns - n));
    storeUpTo(y + n, value, columns - n);
    F32x16& chain = sum[n / kLanes % 2];
    chain = add(chain, value);
  }
  const F32x16 mean = broadcast(sumLanes(add(sum[0], sum[1])) / static_cast<float>(columns));
  F32x16 squares[2] = {zero(), zero()};
  for (std::int64_t n = 0; n < columns; n += kLanes) {
    F32x16 centred = sub(loadUpTo(y + n, columns - n), mean);
    storeUpTo(y + n, centred, columns - n);
    // Lanes beyond the row hold minus the mean: read what was stored.
    if (columns - n < kLanes) centred = loadUpTo(y + n, columns - n);
    F32x16& chain = squares[n / kLanes % 2];
    chain = fma(centred, centred, chain);
  }
  const float variance = sumLanes(add(squares[0], squares[1])) / static_cast<float>(columns);
  const F32x16 inverse = div(broadcast(1.0f), sqrt(broadcast(variance + rows.epsilon)));
  for (std::int64_t n = 0; n < columns; n += kLanes) {
    const std::int64_t left = columns - n;
    F32x16 value = mul(loadUpTo(y + n, left), inverse);
    if (rows.weight != nullptr && rows.bias != nullptr) {
      value = fma(value, loadUpTo(rows.weight + n, left), loadUpTo(rows.bias + n, left));
    } else if (rows.weight != nullptr) {
      value = mul(value, loadUpTo(rows.weight + n, left));
    } else if (rows.bias != nullptr) {
      value = add(value, loadUpTo(rows.bias + n, left));
    }
    storeUpTo(y + n, value, left);
  }
}

inline void layerNorm(const LayerNormRows& rows) {
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const float* residual = rows.residual == nullptr ? nullptr : rows.residual + row * rows.residualStride;
    layerNormRow(rows, rows.x + row * rows.xStride, residual, rows.y + row * rows.yStride);
  }
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
