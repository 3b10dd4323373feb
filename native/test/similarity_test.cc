// topSimilar against sorting all products, on all instruction sets, layouts and numbers of threads.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "test/check.h"
#include "test/op_runner.h"

namespace gemmule {
namespace {

using test::elementsIn;
using test::isas;
using test::Numbers;
using test::view;

Status run(Isa isa, ThreadTeam& team, const TensorView& queries, const TensorView& vectors, const Operand& scales,
           const std::vector<TensorView>& results, double k, const Operand& offsets = {}) {
  for (const OpDefinition& definition : allOps()) {
    if (std::string("topSimilar") != definition.name) continue;
    const std::vector<Operand> operands = {test::operand(queries), test::operand(vectors), scales, offsets};
    const std::vector<double> attributes = {k};
    Scratch scratch;
    return definition.run({operands, results, attributes, kernelsFor(isa), team, scratch});
  }
  return Status::unsupported("no topSimilar");
}

/// The places of the best of each query, best first, by sorting all scores; with the scores.
struct Sorted {
  std::vector<std::int32_t> places;
  std::vector<float> scores;
};

Sorted sortAll(const TensorView& queries, const TensorView& vectors, const Operand& scales, std::int64_t k) {
  const std::vector<float> rows = elementsIn<float>(queries);
  const std::vector<float> columns = elementsIn<float>(vectors);
  const std::vector<float> factors = scales.isPresent() ? elementsIn<float>(scales.tensor) : std::vector<float>();
  const std::int64_t depth = vectors.dims[1];
  Sorted best;
  std::vector<float> scores(static_cast<std::size_t>(vectors.dims[0]));
  std::vector<std::int32_t> order(scores.size());
  for (std::int64_t query = 0; query < queries.dims[0]; ++query) {
    for (std::size_t n = 0; n < scores.size(); ++n) {
      float sum = 0;
      for (std::int64_t i = 0; i < depth; ++i) {
        sum += rows[static_cast<std::size_t>(query * depth + i)] *
               columns[n * static_cast<std::size_t>(depth) + static_cast<std::size_t>(i)];
      }
      scores[n] = factors.empty() ? sum : sum * factors[n];
    }
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t i, std::int32_t j) {
      return scores[static_cast<std::size_t>(i)] > scores[static_cast<std::size_t>(j)];
    });
    for (std::int64_t n = 0; n < k; ++n) {
      best.places.push_back(order[static_cast<std::size_t>(n)]);
      best.scores.push_back(scores[static_cast<std::size_t>(best.places.back())]);
    }
  }
  return best;
}

/// Numbers are whole, so that every sum is exact, and there are many ties.
void checkAgainstSorting(const TensorView& queries, const TensorView& vectors, const Operand& scales, std::int64_t k) {
  const Sorted expected = sortAll(queries, vectors, scales, k);
  for (const Isa isa : isas()) {
    for (const int threads : {1, 3}) {
      ThreadTeam team(threads);
      std::vector<float> values(expected.scores.size() + 1, 99.0f);
      std::vector<std::int32_t> places(expected.scores.size() + 1, -99);
      CHECK_OK(run(isa, team, queries, vectors, scales,
                   {view(values, {queries.dims[0], k}), view(places, {queries.dims[0], k})}, static_cast<double>(k)));
      CHECK_EQ(places.back(), -99);
      for (std::size_t n = 0; n < expected.scores.size(); ++n) {
        CHECK_EQ(places[n], expected.places[n]);
        CHECK_EQ(values[n], expected.scores[n]);
      }
    }
  }
}

std::vector<float> wholeNumbers(Numbers& numbers, std::int64_t count) {
  std::vector<float> all(static_cast<std::size_t>(count));
  for (float& x : all) x = static_cast<float>(numbers.integer(-4, 4));
  return all;
}

TEST(theBestOfManyVectors) {
  Numbers numbers(11);
  const std::vector<float> storage = wholeNumbers(numbers, 300 * 130 + 2000 * 130);
  std::vector<float> powers(2000);
  for (float& x : powers) x = std::exp2(static_cast<float>(numbers.integer(-3, 3)));
  const Operand none;
  const Operand scales = test::operand(view(powers, {1500}));
  for (const std::int64_t queries : {1, 2, 5, 8, 9, 300}) {
    for (const std::int64_t depth : {1, 4, 17, 130}) {
      test::Scope scope(std::to_string(queries) + " queries of depth " + std::to_string(depth));
      const TensorView rows = view(storage, {queries, depth}, {depth, 1});
      const TensorView vectors = view(storage, {1500, depth}, {depth, 1}, 1000);
      for (const std::int64_t k : {1, 10, 700}) checkAgainstSorting(rows, vectors, scales, k);
      checkAgainstSorting(rows, vectors, none, 10);
      // Columns of a matrix, backwards; every scale the same.
      checkAgainstSorting(view(storage, {queries, depth}, {1, queries}), view(storage, {1500, depth}, {1, 1500}), none,
                          3);
      checkAgainstSorting(rows, view(storage, {900, depth}, {-depth, 1}, 1000 + 899 * depth),
                          test::operand(view(powers, {900}, {0})), 3);
    }
  }
  checkAgainstSorting(view(storage, {3, 0}), view(storage, {20, 0}), none, 20);
  checkAgainstSorting(view(storage, {0, 4}), view(storage, {20, 4}), none, 5);
  checkAgainstSorting(view(storage, {3, 4}), view(storage, {0, 4}), none, 0);
  checkAgainstSorting(view(storage, {2, 4}), view(storage, {33, 4}), none, 33);
}

TEST(notANumberIsTheGreatestScore) {
  const std::vector<float> queries = {1};
  std::vector<float> vectors(100);
  for (std::size_t n = 0; n < vectors.size(); ++n) vectors[n] = static_cast<float>(n);
  vectors[40] = NAN;
  vectors[70] = INFINITY;
  vectors[10] = -INFINITY;
  std::vector<float> values(100);
  std::vector<std::int32_t> places(100);
  ThreadTeam team(2);
  for (const Isa isa : isas()) {
    CHECK_OK(run(isa, team, view(queries, {1, 1}), view(vectors, {100, 1}), {},
                 {view(values, {1, 100}), view(places, {1, 100})}, 100));
    CHECK_EQ(places[0], 40);
    CHECK(std::isnan(values[0]));
    CHECK_EQ(places[1], 70);
    CHECK_EQ(places[2], 99);
    CHECK_EQ(places[99], 10);
    CHECK_EQ(values[99], -INFINITY);
  }
}

/// Also where it comes late, among scores that are all better than the worst that is kept, and for several queries.
TEST(notANumberIsFoundAnywhere) {
  ThreadTeam team(2);
  std::vector<float> vectors(1000 * 5, 0.5f);
  const std::vector<float> queries(3 * 5, 1.0f);
  for (const Isa isa : isas()) {
    for (const std::int64_t place : {0, 15, 16, 517, 999}) {
      vectors[static_cast<std::size_t>(place * 5 + 2)] = NAN;
      std::vector<float> values(6);
      std::vector<std::int32_t> places(6);
      CHECK_OK(run(isa, team, view(queries, {3, 5}), view(vectors, {1000, 5}), {},
                   {view(values, {3, 2}), view(places, {3, 2})}, 2));
      for (std::size_t query = 0; query < 3; ++query) {
        CHECK_EQ(places[2 * query], place);
        CHECK(std::isnan(values[2 * query]));
        CHECK_EQ(places[2 * query + 1], place == 0 ? 1 : 0);
        CHECK_EQ(values[2 * query + 1], 2.5f);
      }
      vectors[static_cast<std::size_t>(place * 5 + 2)] = 0.5f;
    }
  }
}

/// Scores are sums of rounded numbers here: whatever the threads, the other queries, and how the vectors lie in memory,
/// the same bits.
TEST(scoresDependOnTheirQueryAlone) {
  Numbers numbers(12);
  const std::vector<float> factors = numbers.normals<float>(700);
  const Operand scales = test::operand(view(factors, {700}));
  for (const std::int64_t depth : {3, 4, 50, 79}) {
    const std::vector<float> storage = numbers.normals<float>(700 * depth);
    std::vector<float> columns(storage.size());
    for (std::int64_t row = 0; row < 700; ++row) {
      for (std::int64_t n = 0; n < depth; ++n) {
        columns[static_cast<std::size_t>(n * 700 + row)] = storage[static_cast<std::size_t>(row * depth + n)];
      }
    }
    for (const Isa isa : isas()) {
      std::vector<float> expected(300 * 5);
      std::vector<std::int32_t> expectedPlaces(300 * 5);
      ThreadTeam one(1);
      const TensorView vectors = view(storage, {700, depth});
      CHECK_OK(run(isa, one, view(storage, {300, depth}), vectors, scales,
                   {view(expected, {300, 5}), view(expectedPlaces, {300, 5})}, 5));
      for (const int threads : {1, 2, 4}) {
        ThreadTeam team(threads);
        for (const std::int64_t count : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16}) {
          for (const std::int64_t row : {0, 150, 284}) {
            for (const TensorView& layout : {vectors, view(columns, {700, depth}, {1, 700})}) {
              std::vector<float> values(static_cast<std::size_t>(5 * count));
              std::vector<std::int32_t> places(values.size());
              CHECK_OK(run(isa, team, view(storage, {count, depth}, {depth, 1}, row * depth), layout, scales,
                           {view(values, {count, 5}), view(places, {count, 5})}, 5));
              for (std::size_t n = 0; n < values.size(); ++n) {
                const std::size_t at = static_cast<std::size_t>(row * 5) + n;
                CHECK_EQ(places[n], expectedPlaces[at]);
                CHECK_SAME_BITS(values[n], expected[at]);
              }
            }
          }
        }
      }
    }
  }
}

TEST(offsetsAreAddedToScores) {
  ThreadTeam team(2);
  Numbers numbers(13);
  const std::vector<float> storage = wholeNumbers(numbers, 900 * 7);
  std::vector<float> offsets(900);
  for (std::size_t n = 0; n < offsets.size(); ++n) offsets[n] = n % 3 == 0 ? -INFINITY : static_cast<float>(n % 5);
  // As one more number of every vector, which every query has as 1.
  std::vector<float> longer(900 * 8);
  for (std::size_t row = 0; row < 900; ++row) {
    for (std::size_t n = 0; n < 7; ++n) longer[row * 8 + n] = storage[row * 7 + n];
    longer[row * 8 + 7] = offsets[row];
  }
  for (const Isa isa : isas()) {
    for (const std::int64_t count : {1, 8, 9, 100}) {
      std::vector<float> queries(static_cast<std::size_t>(count * 8), 1.0f);
      for (std::int64_t row = 0; row < count; ++row) {
        for (std::int64_t n = 0; n < 7; ++n) {
          queries[static_cast<std::size_t>(row * 8 + n)] = storage[static_cast<std::size_t>(row * 7 + n)];
        }
      }
      for (const std::int64_t k : {5, 900}) {
        std::vector<float> values(static_cast<std::size_t>(count * k)), expected(values.size());
        std::vector<std::int32_t> places(values.size()), expectedPlaces(values.size());
        CHECK_OK(run(isa, team, view(queries, {count, 8}), view(longer, {900, 8}), {},
                     {view(expected, {count, k}), view(expectedPlaces, {count, k})}, static_cast<double>(k)));
        CHECK_OK(run(isa, team, view(queries, {count, 7}, {8, 1}), view(storage, {900, 7}), {},
                     {view(values, {count, k}), view(places, {count, k})}, static_cast<double>(k),
                     test::operand(view(offsets, {900}))));
        for (std::size_t n = 0; n < values.size(); ++n) {
          CHECK_EQ(places[n], expectedPlaces[n]);
          CHECK_EQ(values[n], expected[n]);
        }
      }
    }
  }
  // The same one for all.
  std::vector<float> values(3);
  std::vector<std::int32_t> places(3);
  CHECK_OK(run(Isa::kBaseline, team, view(storage, {1, 0}), view(storage, {20, 0}), {},
               {view(values, {1, 3}), view(places, {1, 3})}, 3, test::operand(view(offsets, {20}, {0}, 1))));
  CHECK_EQ(values[2], 1.0f);
  CHECK_EQ(places[2], 2);
}

TEST(malformedSearchesAreRefused) {
  const std::vector<float> x(60);
  std::vector<float> y(60);
  std::vector<std::int32_t> at(60);
  ThreadTeam team(1);
  const Isa isa = Isa::kBaseline;
  const std::vector<TensorView> results = {view(y, {2, 3}), view(at, {2, 3})};
  const Operand none;
  CHECK(run(isa, team, view(x, {2, 4}), view(x, {5, 4}), none, results, 3).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {5, 3}), none, results, 3).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {2, 4}), none, results, 3).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {5, 4}), none, results, -1).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {5, 4}), none, results, 2).isOk());
  CHECK(!run(isa, team, view(x, {8}), view(x, {5, 4}), none, results, 3).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(at, {5, 4}), none, results, 3).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {5, 4}), test::operand(view(x, {4})), results, 3).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {5, 4}), test::operand(view(at, {5})), results, 3).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {5, 4}), none, {view(y, {2, 3}), view(y, {2, 3})}, 3).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {5, 4}), none, results, 3, test::operand(view(x, {4}))).isOk());
  CHECK(!run(isa, team, view(x, {2, 4}), view(x, {5, 4}), none, results, 3, test::operand(view(at, {5}))).isOk());
}

}  // namespace
}  // namespace gemmule
