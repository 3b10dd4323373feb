#pragma once

#include <cstdint>
#include <span>

namespace gemmule {

/// Reads the float64 words of commands and Programs, which JavaScript wrote. Any failure sticks, so that callers check
/// once.
class WordReader {
 public:
  explicit WordReader(std::span<const double> words) : words_(words) {}

  bool failed() const { return failed_; }
  std::int64_t position() const { return static_cast<std::int64_t>(position_); }
  std::int64_t remaining() const { return static_cast<std::int64_t>(words_.size() - position_); }

  /// Any number; 0 after the end.
  double number() {
    if (position_ >= words_.size()) {
      failed_ = true;
      return 0;
    }
    return words_[position_++];
  }

  /// A whole number of magnitude up to 2^53; 0 when the word is no such.
  std::int64_t integer() {
    const double word = number();
    constexpr double kLargest = 9007199254740992.0;
    const std::int64_t whole = word >= -kLargest && word <= kLargest ? static_cast<std::int64_t>(word) : 0;
    if (static_cast<double>(whole) != word) {
      failed_ = true;
      return 0;
    }
    return whole;
  }

  /// A whole number in [low, high]; `low` when the word is no such.
  std::int64_t integerIn(std::int64_t low, std::int64_t high) {
    const std::int64_t value = integer();
    if (value < low || value > high) {
      failed_ = true;
      return low;
    }
    return value;
  }

  /// A count of things of which each takes at least one more word, so that a wrong count cannot make anyone allocate
  /// much.
  std::int64_t count() { return integerIn(0, remaining()); }

  /// The next `count` words as they lie.
  std::span<const double> take(std::int64_t count) {
    if (count < 0 || count > remaining()) {
      failed_ = true;
      return {};
    }
    const std::span<const double> taken = words_.subspan(position_, static_cast<std::size_t>(count));
    position_ += static_cast<std::size_t>(count);
    return taken;
  }

 private:
  std::span<const double> words_;
  std::size_t position_ = 0;
  bool failed_ = false;
};

}  // namespace gemmule
