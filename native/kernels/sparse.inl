// Implements kernels/sparse.h; included once a target by kernels/targets.

namespace sparse {

/// Columns whose sums stay in registers while all entries of a row go by.
inline constexpr std::int64_t kColumnBlock = 64;

template <typename T>
inline void combine(const SparseRow<T>& row, T* y) {
  std::int64_t begin = 0;
  for (; begin + kColumnBlock <= row.width; begin += kColumnBlock) {
    T sums[kColumnBlock] = {};
    for (std::int64_t entry = 0; entry < row.count; ++entry) {
      const T value = row.values[entry];
      const T* from = row.dense + row.columns[entry] * row.width + begin;
      for (std::int64_t n = 0; n < kColumnBlock; ++n) sums[n] += value * from[n];
    }
    for (std::int64_t n = 0; n < kColumnBlock; ++n) y[begin + n] = sums[n];
  }
  const std::int64_t left = row.width - begin;
  if (left == 0) return;
  T* __restrict rest = y + begin;
  for (std::int64_t n = 0; n < left; ++n) rest[n] = T{0};
  for (std::int64_t entry = 0; entry < row.count; ++entry) {
    const T value = row.values[entry];
    const T* from = row.dense + row.columns[entry] * row.width + begin;
    for (std::int64_t n = 0; n < left; ++n) rest[n] += value * from[n];
  }
}

/// Only what is on and below the diagonal is summed; the rest is its mirror image.
template <typename T>
inline void gram(const SparseRow<T>& row, T* __restrict out) {
  const std::int64_t width = row.width;
  for (std::int64_t n = 0; n < width * width; ++n) out[n] = T{0};
  for (std::int64_t entry = 0; entry < row.count; ++entry) {
    const T* from = row.dense + row.columns[entry] * width;
    for (std::int64_t i = 0; i < width; ++i) {
      const T scale = row.values[entry] * from[i];
      T* to = out + i * width;
      for (std::int64_t j = 0; j <= i; ++j) to[j] += scale * from[j];
    }
  }
  for (std::int64_t i = 0; i < width; ++i) {
    for (std::int64_t j = 0; j < i; ++j) out[j * width + i] = out[i * width + j];
  }
}

}  // namespace sparse

inline constexpr SparseKernels kSparseKernels = {
    .combine32 = sparse::combine<float>,
    .combine64 = sparse::combine<double>,
    .gram32 = sparse::gram<float>,
    .gram64 = sparse::gram<double>,
};
