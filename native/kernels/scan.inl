// Implements kernels/scan.h; included once a target by kernels/targets.

namespace scan {

/// Adds numbers pairwise as they come: what remains is one sum for every bit of their count.
template <typename T>
class PairwiseSum {
 public:
  void add(T number) {
    for (std::uint64_t rest = count_++; (rest & 1) != 0; rest >>= 1) number = sums_[--depth_] + number;
    sums_[depth_++] = number;
  }
  T total() const {
    T sum = T{0};
    for (int n = depth_; n > 0; --n) sum = sums_[n - 1] + sum;
    return sum;
  }

 private:
  T sums_[64];
  int depth_ = 0;
  std::uint64_t count_ = 0;
};

GEMMULE_INLINE float greatestOf(const float* x, std::int64_t count) {
  F32x16 best = broadcast(-__builtin_inff());
  F32x16 second = best;
  std::int64_t n = 0;
  // In this order a NaN is passed over: it comes back with its exponential.
  for (; n + 2 * kLanes <= count; n += 2 * kLanes) {
    best = max(load(x + n), best);
    second = max(load(x + n + kLanes), second);
  }
  for (; n + kLanes <= count; n += kLanes) best = max(load(x + n), best);
  float greatest = maxLanes(max(best, second));
  for (; n < count; ++n) greatest = x[n] > greatest ? x[n] : greatest;
  return greatest;
}

/// y = exp(x - shift); returns the sum, in the order of kernels/reduction.h: 64 lanes, folded by halves.
GEMMULE_INLINE float exponentials(const float* x, F32x16 shift, float* y, std::int64_t count) {
  F32x16 sums[4] = {zero(), zero(), zero(), zero()};
  std::int64_t n = 0;
  for (; n + 4 * kLanes <= count; n += 4 * kLanes) {
    _Pragma("GCC unroll 4") for (int part = 0; part < 4; ++part) {
      const F32x16 value = exp(sub(load(x + n + part * kLanes), shift));
      store(y + n + part * kLanes, value);
      sums[part] = add(sums[part], value);
    }
  }
  for (int part = 0; n < count; n += kLanes, ++part) {
    const int left = count - n < kLanes ? static_cast<int>(count - n) : kLanes;
    const F32x16 value = exp(sub(loadPartial(x + n, left), shift));
    storePartial(y + n, value, left);
    // Lanes beyond the row hold exp(-shift): read what was stored.
    sums[part] = add(sums[part], left < kLanes ? loadPartial(y + n, left) : value);
  }
  return sumLanes(add(add(sums[0], sums[2]), add(sums[1], sums[3])));
}

inline void softmax32(const float* x, float* y, std::int64_t count) {
  const F32x16 greatest = broadcast(greatestOf(x, count));
  PairwiseSum<float> sum;
  for (std::int64_t begin = 0; begin < count; begin += kRowChunk) {
    const std::int64_t size = count - begin < kRowChunk ? count - begin : kRowChunk;
    sum.add(exponentials(x + begin, greatest, y + begin, size));
  }
  const F32x16 total = broadcast(sum.total());
  std::int64_t n = 0;
  for (; n + kLanes <= count; n += kLanes) store(y + n, div(load(y + n), total));
  const int left = static_cast<int>(count - n);
  if (left > 0) storePartial(y + n, div(loadPartial(y + n, left), total), left);
}

inline void logSoftmax32(const float* x, float* y, std::int64_t count) {
  const F32x16 greatest = broadcast(greatestOf(x, count));
  PairwiseSum<float> sum;
  alignas(64) float block[kRowChunk];
  for (std::int64_t begin = 0; begin < count; begin += kRowChunk) {
    const std::int64_t size = count - begin < kRowChunk ? count - begin : kRowChunk;
    sum.add(exponentials(x + begin, greatest, block, size));
  }
  const F32x16 logOfSum = log(broadcast(sum.total()));
  std::int64_t n = 0;
  for (; n + kLanes <= count; n += kLanes) store(y + n, sub(sub(load(x + n), greatest), logOfSum));
  const int left = static_cast<int>(count - n);
  if (left > 0) storePartial(y + n, sub(sub(loadPartial(x + n, left), greatest), logOfSum), left);
}

inline double greatestOf64(const double* x, std::int64_t count) {
  double greatest = -__builtin_inf();
  for (std::int64_t n = 0; n < count; ++n) greatest = x[n] > greatest ? x[n] : greatest;
  return greatest;
}

/// The sum of exp(x - shift), each of which is stored if `y` is not null.
inline double sumOfExponentials64(const double* x, double shift, double* y, std::int64_t count) {
  constexpr std::int64_t kBlock = 128;
  PairwiseSum<double> sum;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = count - begin < kBlock ? count : begin + kBlock;
    double part = 0;
    for (std::int64_t n = begin; n < end; ++n) {
      const double exponential = ::exp(x[n] - shift);
      if (y != nullptr) y[n] = exponential;
      part += exponential;
    }
    sum.add(part);
  }
  return sum.total();
}

inline void softmax64(const double* x, double* y, std::int64_t count) {
  const double sum = sumOfExponentials64(x, greatestOf64(x, count), y, count);
  for (std::int64_t n = 0; n < count; ++n) y[n] /= sum;
}

inline void logSoftmax64(const double* x, double* y, std::int64_t count) {
  const double greatest = greatestOf64(x, count);
  const double logOfSum = ::log(sumOfExponentials64(x, greatest, nullptr, count));
  for (std::int64_t n = 0; n < count; ++n) y[n] = x[n] - greatest - logOfSum;
}

}  // namespace scan

inline constexpr ScanKernels kScanKernels = {scan::softmax32, scan::softmax64, scan::logSoftmax32, scan::logSoftmax64};
