#pragma once

#include <string>
#include <utility>

namespace gemmule {

/// Why an operation failed; each maps to one `GemmuleError` code in TypeScript.
enum class StatusCode { kOk, kInvalid, kIndex, kOutOfMemory, kNumerical, kNoRealRoot, kCancelled, kUnsupported };

/// The outcome of an operation. The engine throws nothing: every failure is a Status.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }
  static Status invalid(std::string message) { return {StatusCode::kInvalid, std::move(message)}; }
  static Status index(std::string message) { return {StatusCode::kIndex, std::move(message)}; }
  static Status outOfMemory(std::string message) { return {StatusCode::kOutOfMemory, std::move(message)}; }
  static Status numerical(std::string message) { return {StatusCode::kNumerical, std::move(message)}; }
  static Status noRealRoot(std::string message) { return {StatusCode::kNoRealRoot, std::move(message)}; }
  static Status cancelled() { return {StatusCode::kCancelled, "cancelled"}; }
  static Status unsupported(std::string message) { return {StatusCode::kUnsupported, std::move(message)}; }

  bool isOk() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

}  // namespace gemmule
