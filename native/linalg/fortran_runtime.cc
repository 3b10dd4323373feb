// LAPACK's Fortran objects need two trivial procedures of libgfortran; with these that library is not needed. An
// OpenBLAS whose LAPACK was translated to C has no such objects.

#if defined(GEMMULE_OPENBLAS_WRAPPED)

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

extern "C" {

/// `destination = first // second`, padded with blanks.
__attribute__((visibility("hidden"))) void _gfortran_concat_string(std::size_t length, char* destination,
                                                                   std::size_t firstLength, const char* first,
                                                                   std::size_t secondLength, const char* second) {
  const std::size_t head = std::min(length, firstLength);
  const std::size_t tail = std::min(length - head, secondLength);
  std::memcpy(destination, first, head);
  std::memcpy(destination + head, second, tail);
  std::memset(destination + head + tail, ' ', length - head - tail);
}

/// Seconds of processor time: user, system, and their sum.
__attribute__((visibility("hidden"))) void _gfortran_etime(float* times, float* total) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<float>(time.tv_sec) + 1e-6f * time.tv_usec; };
  times[0] = seconds(usage.ru_utime);
  times[1] = seconds(usage.ru_stime);
  *total = times[0] + times[1];
}
}

#endif
