#include "kernels/similarity.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "kernels/gemm.h"
#include "ops/ops.h"
#include "ops/sort_keys.h"
#include "ops/validate.h"
#include "runtime/packed_weight.h"

namespace gemmule {
namespace {

/// Queries whose scores with a block of vectors are computed at once.
constexpr std::int64_t kBlockRows = 96;
/// Numbers of a packed block of vectors: with its scores it stays in a second-level cache of 512 KiB.
constexpr std::int64_t kBlockNumbers = 48 * 1024;
constexpr std::int64_t kMostBlockVectors = 512;

/// A score and the place of its vector, the best one lowest: greater scores first, then lower places.
using Record = std::uint64_t;

Record makeRecord(float score, std::int64_t place) {
  return static_cast<Record>(~keyOf(score)) << 32 | static_cast<Record>(place);
}

float scoreIn(Record record) { return numberOf(~static_cast<std::uint32_t>(record >> 32)); }

/// The best records of one query so far; once there are k of them, a heap with the worst on top.
struct Best {
  Record* records;
  std::int64_t* count;
  std::int64_t k;

  bool isFull() const { return *count == k; }

  void add(Record record) {
    if (!isFull()) {
      records[(*count)++] = record;
      if (isFull()) std::make_heap(records, records + k);
    } else if (record < records[0]) {
      std::pop_heap(records, records + k);
      records[k - 1] = record;
      std::push_heap(records, records + k);
    }
  }

  void addAll(const SimilarityKernels& kernels, const float* scores, std::int64_t scoreCount, std::int64_t place) {
    for (std::int64_t n = 0; n < scoreCount; ++n) {
      if (isFull()) n = kernels.firstNotBelow(scores, n, scoreCount, scoreIn(records[0]));
      if (n < scoreCount) add(makeRecord(scores[n], place + n));
    }
  }
};

/// What is searched, and how it is cut.
struct Search {
  const float* queries;
  std::int64_t queryStride;
  std::int64_t queryCount;
  TensorView vectors;
  /// One number a vector, or null.
  const float* scales;
  std::int64_t scaleStride;
  /// One number a vector, or null.
  const float* offsets;
  std::int64_t offsetStride;
  std::int64_t depth;
  std::int64_t k;
  std::int64_t blockVectors;

  std::int64_t vectorCount() const { return vectors.dims[0]; }
  std::int64_t blocks() const { return (vectorCount() + blockVectors - 1) / blockVectors; }
  /// Few queries read the vectors where they lie; for more it pays to bring them into panels.
  bool isDirect() const { return queryCount <= kFewQueries; }

  VectorBlock block(std::int64_t index) const {
    const std::int64_t first = index * blockVectors;
    VectorBlock block;
    block.rowStride = vectors.strides[0];
    block.columnStride = vectors.strides[1];
    block.vectors = vectors.as<float>() + first * block.rowStride;
    block.count = std::min(blockVectors, vectorCount() - first);
    block.depth = depth;
    block.scales = scales == nullptr ? nullptr : scales + first * scaleStride;
    block.scaleStride = scaleStride;
    return block;
  }
};

/// Memory of one lane.
struct Workspace {
  float* panels;
  float* scores;
};

/// The scores of some queries with a block of vectors, of which the panels are there unless the search is direct.
void scoreBlock(const OpContext& context, const Search& search, const VectorBlock& vectors, std::int64_t firstQuery,
                std::int64_t queries, const Workspace& workspace) {
  const float* x = search.queries + firstQuery * search.queryStride;
  if (search.isDirect()) {
    context.kernels.similarity.scores(vectors, x, search.queryStride, static_cast<int>(queries), workspace.scores,
                                      vectors.count);
    return;
  }
  GemmBlock block;
  block.x = x;
  block.xStride = search.queryStride;
  block.rows = queries;
  block.depth = search.depth;
  block.panels = workspace.panels;
  block.panelStride = kPanelWidth * search.depth;
  block.columns = vectors.count;
  block.epilogue.y = workspace.scores;
  block.epilogue.yStride = vectors.count;
  context.kernels.gemm.float32(block);
}

void addOffsets(const Search& search, std::int64_t index, std::int64_t count, float* scores) {
  const float* offsets = search.offsets + index * search.blockVectors * search.offsetStride;
  for (std::int64_t n = 0; n < count; ++n) scores[n] += offsets[n * search.offsetStride];
}

/// Some queries with some blocks of vectors. Every score is one chain of fused multiply-adds, so it does not depend on
/// how the work was cut.
void searchBlocks(const OpContext& context, const Search& search, const Workspace& workspace, std::int64_t firstQuery,
                  std::int64_t endQuery, std::int64_t firstBlock, std::int64_t endBlock, Best best) {
  for (std::int64_t index = firstBlock; index < endBlock; ++index) {
    if (context.cancelled != nullptr && context.cancelled->load(std::memory_order_relaxed)) return;
    const VectorBlock vectors = search.block(index);
    if (!search.isDirect()) context.kernels.similarity.pack(vectors, workspace.panels);
    for (std::int64_t row = firstQuery; row < endQuery; row += kBlockRows) {
      const std::int64_t rows = std::min(kBlockRows, endQuery - row);
      scoreBlock(context, search, vectors, row, rows, workspace);
      for (std::int64_t r = 0; r < rows; ++r) {
        if (search.offsets != nullptr) addOffsets(search, index, vectors.count, workspace.scores + r * vectors.count);
        const std::int64_t query = row + r;
        Best{best.records + query * search.k, best.count + query, search.k}.addAll(
            context.kernels.similarity, workspace.scores + r * vectors.count, vectors.count,
            index * search.blockVectors);
      }
    }
  }
}

Status checkTopSimilar(const OpContext& context, std::int64_t* k) {
  GEMMULE_RETURN_IF_ERROR(requireTensors("topSimilar", context, 2, 2));
  const TensorView& queries = context.operands[0].tensor;
  const TensorView& vectors = context.operands[1].tensor;
  GEMMULE_RETURN_IF_ERROR(requireDType("topSimilar", "queries", queries, {DType::kFloat32}));
  GEMMULE_RETURN_IF_ERROR(requireDType("topSimilar", "vectors", vectors, {DType::kFloat32}));
  if (queries.rank != 2 || vectors.rank != 2 || queries.dims[1] != vectors.dims[1]) {
    return Status::invalid("topSimilar: shapes " + formatDims(queries) + " and " + formatDims(vectors) + " do not fit");
  }
  GEMMULE_RETURN_IF_ERROR(requireVector("topSimilar", "scales", context.operands[2], vectors.dims[0]));
  GEMMULE_RETURN_IF_ERROR(requireVector("topSimilar", "offsets", context.optionalOperand(3), vectors.dims[0]));
  if (vectors.dims[0] > INT32_MAX) return Status::unsupported("topSimilar: 2^31 vectors or more");
  GEMMULE_RETURN_IF_ERROR(integerAttribute("topSimilar", context, 0, 0, static_cast<double>(vectors.dims[0]), k));
  TensorView expected = queries;
  expected.dims[1] = *k;
  GEMMULE_RETURN_IF_ERROR(requireResult("topSimilar", context.results[0], DType::kFloat32, expected));
  return requireResult("topSimilar", context.results[1], DType::kInt32, expected);
}

/// The queries with a unit stride along their numbers.
Status readQueries(const OpContext& context, Search* search) {
  const TensorView& queries = context.operands[0].tensor;
  search->queries = queries.as<float>();
  search->queryStride = queries.strides[0];
  if (queries.strides[1] == 1 || search->depth <= 1) return Status::ok();
  float* copy = context.scratch.allocate<float>(search->queryCount * search->depth);
  if (copy == nullptr) return Status::outOfMemory("topSimilar: no memory for a contiguous copy of the queries");
  for (std::int64_t row = 0; row < search->queryCount; ++row) {
    for (std::int64_t inner = 0; inner < search->depth; ++inner) {
      copy[row * search->depth + inner] = search->queries[row * queries.strides[0] + inner * queries.strides[1]];
    }
  }
  search->queries = copy;
  search->queryStride = search->depth;
  return Status::ok();
}

/// The k vectors of which the products with each query, times their scales and plus their offsets, are greatest. A
/// product is never kept: a block of scores is made where the caches hold it, and only what is better than the worst of
/// the best so far is looked at again.
Status topSimilar(const OpContext& context) {
  Search search{};
  GEMMULE_RETURN_IF_ERROR(checkTopSimilar(context, &search.k));
  const TensorView& queries = context.operands[0].tensor;
  search.vectors = context.operands[1].tensor;
  search.queryCount = queries.dims[0];
  search.depth = queries.dims[1];
  if (search.queryCount == 0 || search.k == 0) return Status::ok();
  GEMMULE_RETURN_IF_ERROR(readQueries(context, &search));
  if (const Operand& scales = context.operands[2]; scales.isPresent()) {
    search.scales = scales.tensor.as<float>();
    search.scaleStride = scales.tensor.strides[0];
  }
  if (const Operand offsets = context.optionalOperand(3); offsets.isPresent()) {
    search.offsets = offsets.tensor.as<float>();
    search.offsetStride = offsets.tensor.strides[0];
  }
  const std::int64_t fitting = kBlockNumbers / std::max<std::int64_t>(search.depth, 1) / kPanelWidth * kPanelWidth;
  search.blockVectors =
      search.isDirect() ? kMostBlockVectors : std::clamp<std::int64_t>(fitting, kPanelWidth, kMostBlockVectors);

  const int threads = context.team.threads();
  // Few queries: each lane searches some of the vectors for all of them. Many: all vectors for some of them.
  const bool cutVectors = search.queryCount < kBlockRows * threads;
  const std::int64_t lists = cutVectors ? threads : 1;
  const std::int64_t panelNumbers = search.isDirect() ? 0 : search.blockVectors * search.depth;
  const std::int64_t scoreNumbers = std::min(search.queryCount, kBlockRows) * search.blockVectors;
  float* panels = context.scratch.allocate<float>(threads * panelNumbers);
  float* scores = context.scratch.allocate<float>(threads * scoreNumbers);
  Record* records = context.scratch.allocate<Record>(lists * search.queryCount * search.k);
  std::int64_t* counts = context.scratch.allocate<std::int64_t>(lists * search.queryCount);
  if (panels == nullptr || scores == nullptr || records == nullptr || counts == nullptr) {
    return Status::outOfMemory("topSimilar: not enough memory; search for fewer queries at once");
  }
  std::fill_n(counts, lists * search.queryCount, std::int64_t{0});
  const auto listOf = [&](std::int64_t list) {
    return Best{records + list * search.queryCount * search.k, counts + list * search.queryCount, search.k};
  };
  const auto workspaceOf = [&](int lane) {
    return Workspace{panels + lane * panelNumbers, scores + lane * scoreNumbers};
  };
  if (cutVectors) {
    context.team.parallelFor(search.blocks(), 1, [&](std::int64_t begin, std::int64_t end, int lane) {
      searchBlocks(context, search, workspaceOf(lane), 0, search.queryCount, begin, end, listOf(lane));
    });
  } else {
    context.team.parallelFor(search.queryCount, kBlockRows, [&](std::int64_t begin, std::int64_t end, int lane) {
      searchBlocks(context, search, workspaceOf(lane), begin, end, 0, search.blocks(), listOf(0));
    });
  }
  if (context.cancelled != nullptr && context.cancelled->load()) return Status::cancelled();

  float* values = context.results[0].as<float>();
  std::int32_t* places = context.results[1].as<std::int32_t>();
  context.team.parallelFor(search.queryCount, kBlockRows, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t query = begin; query < end; ++query) {
      // A list that is not full is no heap yet; the first that is takes in the others.
      std::int64_t largest = 0;
      for (std::int64_t list = 1; list < lists; ++list) {
        if (listOf(list).count[query] > listOf(largest).count[query]) largest = list;
      }
      const Best all = listOf(largest);
      Best best{all.records + query * search.k, all.count + query, search.k};
      for (std::int64_t list = 0; list < lists; ++list) {
        if (list == largest) continue;
        const Best other = listOf(list);
        for (std::int64_t n = 0; n < other.count[query]; ++n) best.add(other.records[query * search.k + n]);
      }
      std::sort(best.records, best.records + search.k);
      for (std::int64_t n = 0; n < search.k; ++n) {
        values[query * search.k + n] = scoreIn(best.records[n]);
        places[query * search.k + n] = static_cast<std::int32_t>(best.records[n] & UINT32_MAX);
      }
    }
  });
  return Status::ok();
}

constexpr OpDefinition kOps[] = {
    {"topSimilar", 3, 4, 1, 2, topSimilar},
};

}  // namespace

std::span<const OpDefinition> similarityOps() { return kOps; }

}  // namespace gemmule
