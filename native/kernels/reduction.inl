// Implements kernels/reduction.h; included once a target by kernels/targets.
//
// Accumulators are small arrays that the compiler keeps in, or streams through, vectors of the target.

namespace reduction {

using elementwise::extremeOf;
using elementwise::kIsFloating;

template <typename T>
struct Sum {
  static constexpr T kIdentity = T{0};
  static GEMMULE_INLINE T fold(T a, T b) {
    if constexpr (kIsFloating<T>) return a + b;
    return static_cast<T>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
  }
};

template <typename T>
struct Product {
  static constexpr T kIdentity = T{1};
  static GEMMULE_INLINE T fold(T a, T b) {
    if constexpr (kIsFloating<T>) return a * b;
    return static_cast<T>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
  }
};

template <typename T>
inline constexpr T kLowest = static_cast<T>(-__builtin_inf());
template <>
inline constexpr std::int32_t kLowest<std::int32_t> = INT32_MIN;
template <>
inline constexpr std::uint8_t kLowest<std::uint8_t> = 0;
template <typename T>
inline constexpr T kHighest = static_cast<T>(__builtin_inf());
template <>
inline constexpr std::int32_t kHighest<std::int32_t> = INT32_MAX;
// Bools too are folded as uint8; `all` of nothing is handled by the caller.
template <>
inline constexpr std::uint8_t kHighest<std::uint8_t> = 255;

template <typename T>
struct Greatest {
  static constexpr T kIdentity = kLowest<T>;
  static GEMMULE_INLINE T fold(T a, T b) { return extremeOf<T, true>(a, b); }
};

template <typename T>
struct Least {
  static constexpr T kIdentity = kHighest<T>;
  static GEMMULE_INLINE T fold(T a, T b) { return extremeOf<T, false>(a, b); }
};

template <typename T, typename Fold, int kWidth>
GEMMULE_INLINE T foldOverLanes(const T* __restrict x, std::int64_t count) {
  alignas(64) T lanes[kWidth];
  for (int lane = 0; lane < kWidth; ++lane) lanes[lane] = Fold::kIdentity;
  std::int64_t n = 0;
  for (; n + kWidth <= count; n += kWidth) {
    for (int lane = 0; lane < kWidth; ++lane) lanes[lane] = Fold::fold(lanes[lane], x[n + lane]);
  }
  for (int lane = 0; n + lane < count; ++lane) lanes[lane] = Fold::fold(lanes[lane], x[n + lane]);
  for (int half = kWidth / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] = Fold::fold(lanes[lane], lanes[lane + half]);
  }
  return lanes[0];
}

template <typename T, typename Fold>
void foldRow(const void* x, std::int64_t count, void* y) {
  const T* from = static_cast<const T*>(x);
  T result;
  if (count < 8) {
    result = foldOverLanes<T, Fold, 1>(from, count);
  } else if (count < 64) {
    result = foldOverLanes<T, Fold, 16>(from, count);
  } else {
    result = foldOverLanes<T, Fold, 64>(from, count);
  }
  *static_cast<T*>(y) = result;
}

/// Columns side by side: 256 accumulators stay in the first-level cache while four rows at a time stream past.
template <typename T, typename Fold>
void foldColumns(const void* x, std::int64_t rowStride, std::int64_t rows, std::int64_t columns, void* y) {
  constexpr std::int64_t kTile = 256;
  for (std::int64_t begin = 0; begin < columns; begin += kTile) {
    const std::int64_t width = columns - begin < kTile ? columns - begin : kTile;
    const T* __restrict from = static_cast<const T*>(x) + begin;
    T* __restrict to = static_cast<T*>(y) + begin;
    for (std::int64_t column = 0; column < width; ++column) to[column] = Fold::kIdentity;
    std::int64_t row = 0;
    for (; row + 4 <= rows; row += 4) {
      const T* __restrict first = from + row * rowStride;
      const T* __restrict second = first + rowStride;
      const T* __restrict third = second + rowStride;
      const T* __restrict fourth = third + rowStride;
      for (std::int64_t column = 0; column < width; ++column) {
        const T two = Fold::fold(Fold::fold(to[column], first[column]), second[column]);
        to[column] = Fold::fold(Fold::fold(two, third[column]), fourth[column]);
      }
    }
    for (; row < rows; ++row) {
      for (std::int64_t column = 0; column < width; ++column) {
        to[column] = Fold::fold(to[column], from[row * rowStride + column]);
      }
    }
  }
}

template <typename T>
std::int64_t findFirst(const void* x, std::int64_t count, const void* value) {
  constexpr std::int64_t kStep = 64;
  const T* from = static_cast<const T*>(x);
  const T wanted = *static_cast<const T*>(value);
  const bool wantNaN = wanted != wanted;
  const auto matches = [&](T element) { return wantNaN ? element != element : element == wanted; };
  std::int64_t n = 0;
  for (; n + kStep <= count; n += kStep) {
    int any = 0;
    for (std::int64_t lane = 0; lane < kStep; ++lane)
      any |= from[n + lane] == wanted || from[n + lane] != from[n + lane];
    if (any != 0) break;
  }
  for (; n < count; ++n) {
    if (matches(from[n])) return n;
  }
  return count;
}

/// Best values and their rows of 64 columns at a time, both in the first-level cache.
template <typename T, bool kGreatest>
void argColumns(const void* x, std::int64_t rowStride, std::int64_t rows, std::int64_t columns, std::int32_t* index) {
  constexpr std::int64_t kTile = 64;
  for (std::int64_t begin = 0; begin < columns; begin += kTile) {
    const std::int64_t width = columns - begin < kTile ? columns - begin : kTile;
    const T* __restrict from = static_cast<const T*>(x) + begin;
    T best[kTile];
    std::int32_t* __restrict at = index + begin;
    for (std::int64_t column = 0; column < width; ++column) {
      best[column] = from[column];
      at[column] = 0;
    }
    for (std::int64_t row = 1; row < rows; ++row) {
      const T* __restrict next = from + row * rowStride;
      const std::int32_t number = static_cast<std::int32_t>(row);
      for (std::int64_t column = 0; column < width; ++column) {
        const T value = next[column];
        const T old = best[column];
        const bool beats = (kGreatest ? value > old : value < old) | ((value != value) & (old == old));
        best[column] = beats ? value : old;
        at[column] = beats ? number : at[column];
      }
    }
  }
}

// ---- Which kernel ----

template <typename T>
RowReduction rowOf(Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum:
      return foldRow<T, Sum<T>>;
    case Reduction::kProduct:
      return foldRow<T, Product<T>>;
    case Reduction::kGreatest:
      return foldRow<T, Greatest<T>>;
    default:
      return foldRow<T, Least<T>>;
  }
}

template <typename T>
ColumnReduction columnsOf(Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum:
      return foldColumns<T, Sum<T>>;
    case Reduction::kProduct:
      return foldColumns<T, Product<T>>;
    case Reduction::kGreatest:
      return foldColumns<T, Greatest<T>>;
    default:
      return foldColumns<T, Least<T>>;
  }
}

inline RowReduction row(Reduction reduction, DType dtype) {
  const bool extreme = reduction == Reduction::kGreatest || reduction == Reduction::kLeast;
  switch (dtype) {
    case DType::kFloat32:
      return rowOf<float>(reduction);
    case DType::kFloat64:
      return rowOf<double>(reduction);
    case DType::kInt32:
      return rowOf<std::int32_t>(reduction);
    case DType::kUint8:
    case DType::kBool:
      return extreme ? rowOf<std::uint8_t>(reduction) : nullptr;
    default:
      return nullptr;
  }
}

inline ColumnReduction columns(Reduction reduction, DType dtype) {
  const bool extreme = reduction == Reduction::kGreatest || reduction == Reduction::kLeast;
  switch (dtype) {
    case DType::kFloat32:
      return columnsOf<float>(reduction);
    case DType::kFloat64:
      return columnsOf<double>(reduction);
    case DType::kInt32:
      return columnsOf<std::int32_t>(reduction);
    case DType::kUint8:
    case DType::kBool:
      return extreme ? columnsOf<std::uint8_t>(reduction) : nullptr;
    default:
      return nullptr;
  }
}

inline FindFirst findFirstOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return findFirst<float>;
    case DType::kFloat64:
      return findFirst<double>;
    case DType::kInt32:
      return findFirst<std::int32_t>;
    case DType::kUint8:
    case DType::kBool:
      return findFirst<std::uint8_t>;
    default:
      return nullptr;
  }
}

inline ColumnArgReduction argColumnsOf(bool greatest, DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return greatest ? argColumns<float, true> : argColumns<float, false>;
    case DType::kFloat64:
      return greatest ? argColumns<double, true> : argColumns<double, false>;
    case DType::kInt32:
      return greatest ? argColumns<std::int32_t, true> : argColumns<std::int32_t, false>;
    case DType::kUint8:
    case DType::kBool:
      return greatest ? argColumns<std::uint8_t, true> : argColumns<std::uint8_t, false>;
    default:
      return nullptr;
  }
}

}  // namespace reduction

inline constexpr ReductionKernels kReductionKernels = {reduction::row, reduction::columns, reduction::findFirstOf,
                                                       reduction::argColumnsOf};
