#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace gemmule::bench {

/// Builds one JSON object; members keep the order in which they are added.
class JsonObject {
 public:
  JsonObject& add(std::string_view key, std::string_view text) { return addRaw(key, quote(text)); }
  /// Finite numbers only: JSON has no others.
  JsonObject& add(std::string_view key, double number) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.9g", number);
    return addRaw(key, digits);
  }
  JsonObject& add(std::string_view key, const std::vector<JsonObject>& list) {
    std::string all;
    for (const JsonObject& object : list) all += (all.empty() ? "\n  " : ",\n  ") + object.text();
    return addRaw(key, "[" + all + "]");
  }

  std::string text() const { return "{" + members_ + "}"; }

 private:
  static std::string quote(std::string_view text) {
    std::string quoted = "\"";
    for (const char letter : text) {
      if (letter == '"' || letter == '\\') quoted += '\\';
      // Control characters have no place in names.
      quoted += static_cast<unsigned char>(letter) < ' ' ? ' ' : letter;
    }
    return quoted + '"';
  }

  JsonObject& addRaw(std::string_view key, std::string_view value) {
    if (!members_.empty()) members_ += ", ";
    members_ += quote(key);
    members_ += ": ";
    members_ += value;
    return *this;
  }

  std::string members_;
};

}  // namespace gemmule::bench
