// Random numbers: the published vectors of Philox4x32-10, and the formulas of the distributions.

#include <cmath>
#include <numbers>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::isas;
using test::runOp;
using test::view;

/// One block by the definition in Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
void philox(const std::uint32_t counter[4], const std::uint32_t key[2], std::uint32_t words[4]) {
  std::uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
  std::uint32_t k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57u} * c[2];
    const std::uint32_t next[4] = {
        static_cast<std::uint32_t>(second >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(second),
        static_cast<std::uint32_t>(first >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(first)};
    for (int n = 0; n < 4; ++n) c[n] = next[n];
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  for (int n = 0; n < 4; ++n) words[n] = c[n];
}

std::uint32_t wordAt(std::uint64_t index, const std::uint32_t key[2], std::uint32_t stream) {
  const std::uint64_t block = index / 4;
  const std::uint32_t counter[4] = {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), stream,
                                    0};
  std::uint32_t words[4];
  philox(counter, key, words);
  return words[index % 4];
}

TEST(publishedVectors) {
  // From the known-answer tests of the authors' Random123.
  const std::uint32_t zeros[4] = {0, 0, 0, 0};
  std::uint32_t words[4];
  philox(zeros, zeros, words);
  CHECK_EQ(words[0], 0x6627e8d5u);
  CHECK_EQ(words[1], 0xe169c58du);
  CHECK_EQ(words[2], 0xbc57ac4cu);
  CHECK_EQ(words[3], 0x9b00dbd8u);
  std::vector<float> y(4);
  ThreadTeam team(1);
  for (const Isa isa : isas()) {
    CHECK_OK(runOp("random", isa, team, {}, {view(y, {4})}, {0, 0, 0, 0, 0, 4}));
    for (std::size_t n = 0; n < 4; ++n) CHECK_EQ(y[n], static_cast<float>(words[n] >> 8) * 0x1p-24f);
  }
}

TEST(uniformAndNormalOfAllSizesAndThreads) {
  const std::uint32_t key[2] = {0xdeadbeef, 12345};
  const std::uint32_t stream = 0xfffffff0;
  for (const Isa isa : isas()) {
    for (const int threads : {1, 3}) {
      ThreadTeam team(threads);
      for (const std::int64_t count : {0, 1, 2, 3, 5, 63, 64, 65, 1001, 50003}) {
        test::Scope scope(std::to_string(count) + ", " + isaName(isa));
        std::vector<float> narrow(static_cast<std::size_t>(count) + 1, 77);
        std::vector<double> wide(narrow.size(), 77);
        const auto run = [&](double distribution) {
          const std::vector<double> attributes = {distribution, static_cast<double>(key[0]),
                                                  static_cast<double>(key[1]), static_cast<double>(stream)};
          std::vector<double> forNarrow = attributes;
          forNarrow.insert(forNarrow.end(), {0, static_cast<double>(count)});
          std::vector<double> forWide = attributes;
          forWide.insert(forWide.end(), {1, static_cast<double>(count)});
          CHECK_OK(runOp("random", isa, team, {}, {view(narrow, {count})}, forNarrow));
          CHECK_OK(runOp("random", isa, team, {}, {view(wide, {count})}, forWide));
          CHECK(narrow.back() == 77 && wide.back() == 77);
        };
        const auto uniform32 = [&](std::uint64_t n) {
          return static_cast<double>(wordAt(n, key, stream) >> 8) * 0x1p-24;
        };
        const auto uniform64 = [&](std::uint64_t n) {
          return (static_cast<double>(wordAt(2 * n, key, stream) >> 5) * 0x1p26 +
                  static_cast<double>(wordAt(2 * n + 1, key, stream) >> 6)) *
                 0x1p-53;
        };
        run(0);
        for (std::uint64_t n = 0; n < static_cast<std::uint64_t>(count); ++n) {
          CHECK_EQ(static_cast<double>(narrow[n]), uniform32(n));
          CHECK_EQ(wide[n], uniform64(n));
        }
        run(1);
        for (std::uint64_t n = 0; n < static_cast<std::uint64_t>(count); ++n) {
          const auto normal = [&](auto uniform) {
            const double radius = std::sqrt(-2 * std::log(1 - uniform(n & ~std::uint64_t{1})));
            const double angle = 2 * std::numbers::pi * uniform(n | 1);
            return radius * ((n & 1) == 0 ? std::cos(angle) : std::sin(angle));
          };
          // Rounded once to float32; float64 may differ in the last places of the library's functions.
          CHECK_NEAR(narrow[n], normal(uniform32), 0.51 * 0x1p-23 * std::fabs(normal(uniform32)) + 1e-13);
          CHECK_NEAR(wide[n], normal(uniform64), 1e-14);
        }
      }
    }
  }
}

TEST(malformedCallsAreRefused) {
  ThreadTeam team(1);
  std::vector<float> y(4);
  std::vector<std::int32_t> integers(4);
  const Isa isa = Isa::kBaseline;
  CHECK(!runOp("random", isa, team, {}, {view(integers, {4})}, {0, 0, 0, 0, 2, 4}).isOk());
  CHECK(!runOp("random", isa, team, {}, {view(y, {4})}, {2, 0, 0, 0, 0, 4}).isOk());
  CHECK(!runOp("random", isa, team, {}, {view(y, {4})}, {0, -1, 0, 0, 0, 4}).isOk());
  CHECK(!runOp("random", isa, team, {}, {view(y, {4})}, {0, 0, 4294967296.0, 0, 0, 4}).isOk());
}

}  // namespace
}  // namespace gemmule
