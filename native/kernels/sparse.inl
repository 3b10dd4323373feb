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

/// Entries whose products are added up in registers before the sums go back to memory.
inline constexpr int kGramEntries = 4;
/// Columns that are summed at once; those above the diagonal among them are overwritten later.
inline constexpr std::int64_t kGramColumns = 16;

/// Adds the products of `kEntries` entries from `entry` on, in their order.
template <int kEntries, typename T>
GEMMULE_INLINE void addToGram(const SparseRow<T>& row, std::int64_t entry, T* __restrict out) {
  const T* from[kEntries];
  for (int n = 0; n < kEntries; ++n) from[n] = row.dense + row.columns[entry + n] * row.width;
  for (std::int64_t i = 0; i < row.width; ++i) {
    T scales[kEntries];
    for (int n = 0; n < kEntries; ++n) scales[n] = row.values[entry + n] * from[n][i];
    T* to = out + i * row.width;
    std::int64_t j = 0;
    for (; j <= i && j + kGramColumns <= row.width; j += kGramColumns) {
      T sums[kGramColumns];
      for (std::int64_t k = 0; k < kGramColumns; ++k) sums[k] = to[j + k];
      for (int n = 0; n < kEntries; ++n) {
        for (std::int64_t k = 0; k < kGramColumns; ++k) sums[k] += scales[n] * from[n][j + k];
      }
      for (std::int64_t k = 0; k < kGramColumns; ++k) to[j + k] = sums[k];
    }
    for (; j <= i; ++j) {
      T sum = to[j];
      for (int n = 0; n < kEntries; ++n) sum += scales[n] * from[n][j];
      to[j] = sum;
    }
  }
}

/// Only what is on and below the diagonal is summed; the rest is its mirror image.
template <typename T>
inline void gram(const SparseRow<T>& row, T* __restrict out) {
  const std::int64_t width = row.width;
  for (std::int64_t n = 0; n < width * width; ++n) out[n] = T{0};
  std::int64_t entry = 0;
  for (; entry + kGramEntries <= row.count; entry += kGramEntries) addToGram<kGramEntries>(row, entry, out);
  for (; entry < row.count; ++entry) addToGram<1>(row, entry, out);
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
