#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/// A small test harness. A test file includes this header and declares `TEST(name) { CHECK(...); }`; the header brings
/// `main`, which runs all tests (or those whose name contains an argument), prints `N passed, N failed`, and returns
/// non-zero when anything failed or nothing ran.

namespace gemmule::test {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

/// Failures of the test that is running.
inline int& failures() {
  static int count = 0;
  return count;
}

/// Says what the test was doing, such as the instruction set or the shape, in the messages of failures while it lives.
class Scope {
 public:
  explicit Scope(std::string text) { stack().push_back(std::move(text)); }
  ~Scope() { stack().pop_back(); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  static std::vector<std::string>& stack() {
    static std::vector<std::string> texts;
    return texts;
  }
};

inline void fail(const char* file, int line, const std::string& message) {
  // After a few messages of one test the rest is noise.
  if (++failures() > 20) return;
  std::ostringstream where;
  for (const std::string& text : Scope::stack()) where << " [" << text << "]";
  std::fprintf(stderr, "%s:%d:%s %s\n", file, line, where.str().c_str(), message.c_str());
}

template <typename T>
std::string show(const T& value) {
  std::ostringstream text;
  if constexpr (std::is_enum_v<T>) {
    text << static_cast<long long>(value);
  } else if constexpr (sizeof(T) == 1 && std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    text << static_cast<int>(value);
  } else {
    if constexpr (std::is_floating_point_v<T>) text.precision(std::numeric_limits<T>::max_digits10);
    text << value;
  }
  return text.str();
}

template <typename A, typename B>
void checkEqual(const A& a, const B& b, const char* aText, const char* bText, const char* file, int line) {
  bool equal;
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B> && !std::is_same_v<A, bool> &&
                !std::is_same_v<B, bool> && std::is_signed_v<A> != std::is_signed_v<B>) {
    equal = std::cmp_equal(a, b);
  } else {
    equal = a == b;
  }
  if (!equal) {
    fail(file, line, std::string("CHECK_EQ(") + aText + ", " + bText + "): " + show(a) + " is not " + show(b));
  }
}

inline void checkNear(double a, double b, double tolerance, const char* aText, const char* bText, const char* file,
                      int line) {
  const bool both = std::isnan(a) && std::isnan(b);
  if (!both && a != b && !(std::fabs(a - b) <= tolerance)) {
    fail(file, line,
         std::string("CHECK_NEAR(") + aText + ", " + bText + "): " + show(a) + " and " + show(b) + " differ by " +
             show(std::fabs(a - b)) + ", more than " + show(tolerance));
  }
}

template <typename T>
void checkSameBits(const T& a, const T& b, const char* aText, const char* bText, const char* file, int line) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (std::memcmp(&a, &b, sizeof(T)) != 0) {
    fail(file, line, std::string("CHECK_SAME_BITS(") + aText + ", " + bText + "): " + show(a) + " is not " + show(b));
  }
}

inline int runAll(int argc, char** argv) {
  int passed = 0;
  int failed = 0;
  for (const Case& test : cases()) {
    bool wanted = argc < 2;
    for (int index = 1; index < argc; ++index) wanted |= std::strstr(test.name, argv[index]) != nullptr;
    if (!wanted) continue;
    failures() = 0;
    test.run();
    if (failures() == 0) {
      ++passed;
    } else {
      ++failed;
      std::fprintf(stderr, "FAILED %s: %d checks\n", test.name, failures());
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace gemmule::test

#define TEST(name)                                                             \
  static void gemmuleTest_##name();                                            \
  [[maybe_unused]] static const bool gemmuleTestRegistered_##name =            \
      (::gemmule::test::cases().push_back({#name, gemmuleTest_##name}), true); \
  static void gemmuleTest_##name()

/// Fails the test, and goes on with it, unless the condition holds.
#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) ::gemmule::test::fail(__FILE__, __LINE__, "CHECK(" #condition ")"); \
  } while (false)

/// As CHECK, but leaves the function that it stands in: for conditions without which the rest would crash.
#define REQUIRE(condition)                                                  \
  do {                                                                      \
    if (!(condition)) {                                                     \
      ::gemmule::test::fail(__FILE__, __LINE__, "REQUIRE(" #condition ")"); \
      return;                                                               \
    }                                                                       \
  } while (false)

/// Compares with `==`, and shows both values when they differ.
#define CHECK_EQ(a, b) ::gemmule::test::checkEqual((a), (b), #a, #b, __FILE__, __LINE__)

/// `|a - b| <= tolerance`; equal infinities and two NaNs are near.
#define CHECK_NEAR(a, b, tolerance) ::gemmule::test::checkNear((a), (b), (tolerance), #a, #b, __FILE__, __LINE__)

/// The same bytes: tells 0 from -0 and compares NaNs.
#define CHECK_SAME_BITS(a, b) ::gemmule::test::checkSameBits((a), (b), #a, #b, __FILE__, __LINE__)

/// A Status that is ok; shows its message otherwise.
#define CHECK_OK(expression)                                                                                          \
  do {                                                                                                                \
    const auto& gemmuleStatus = (expression);                                                                         \
    if (!gemmuleStatus.isOk()) ::gemmule::test::fail(__FILE__, __LINE__, #expression ": " + gemmuleStatus.message()); \
  } while (false)

/// Weak, so that a binary of several test files has one of them.
__attribute__((weak)) int main(int argc, char** argv) { return gemmule::test::runAll(argc, argv); }
