#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "ops/ops.h"
#include "ops/sort_keys.h"
#include "ops/strided.h"
#include "ops/validate.h"

namespace gemmule {
namespace {

/// Elements that one lane should sort at least.
constexpr std::int64_t kGrain = 4096;

constexpr std::initializer_list<DType> kComparable = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kUint8,
                                                      DType::kBool};

template <typename T>
using KeyOf = decltype(keyOf(T{}));

/// A key and the place that it comes from, ordered by both: no two are equal, so every way of sorting is stable.
struct WideRecord {
  std::uint64_t key;
  std::uint32_t place;

  bool operator<(const WideRecord& other) const { return key != other.key ? key < other.key : place < other.place; }
};

/// Keys of up to 32 bits share one word with the place.
template <typename Key>
using RecordOf = std::conditional_t<sizeof(Key) <= 4, std::uint64_t, WideRecord>;

inline std::uint64_t keyIn(std::uint64_t record) { return record >> 32; }
inline std::uint64_t keyIn(const WideRecord& record) { return record.key; }
inline std::uint32_t placeIn(std::uint64_t record) { return static_cast<std::uint32_t>(record); }
inline std::uint32_t placeIn(const WideRecord& record) { return record.place; }

template <typename Record>
Record makeRecord(std::uint64_t key, std::int64_t place) {
  if constexpr (sizeof(Record) == 8) return key << 32 | static_cast<std::uint64_t>(place);
  if constexpr (sizeof(Record) != 8) return Record{key, static_cast<std::uint32_t>(place)};
}

/// Below this comparing is faster than counting.
constexpr std::int64_t kFewestForRadix = 256;

/// Sorts by the bytes of the keys, lowest first (Knuth, volume 3, 5.2.5): one pass counts all bytes, then each byte
/// moves the records once between the two arrays, unless it is the same everywhere. Returns the array that holds the
/// result.
template <typename Record, int kKeyBytes>
Record* sortRecords(Record* records, Record* other, std::int64_t count) {
  if (count < kFewestForRadix) {
    std::sort(records, records + count);
    return records;
  }
  std::uint32_t counts[kKeyBytes][256] = {};
  for (std::int64_t n = 0; n < count; ++n) {
    const std::uint64_t key = keyIn(records[n]);
    for (int byte = 0; byte < kKeyBytes; ++byte) ++counts[byte][key >> (8 * byte) & 255];
  }
  for (int byte = 0; byte < kKeyBytes; ++byte) {
    std::uint32_t* starts = counts[byte];
    if (starts[keyIn(records[0]) >> (8 * byte) & 255] == static_cast<std::uint64_t>(count)) continue;
    std::uint32_t start = 0;
    for (int value = 0; value < 256; ++value) {
      const std::uint32_t size = starts[value];
      starts[value] = start;
      start += size;
    }
    for (std::int64_t n = 0; n < count; ++n) other[starts[keyIn(records[n]) >> (8 * byte) & 255]++] = records[n];
    std::swap(records, other);
  }
  return records;
}

/// The `best` lowest records of a row in order, best first. Keys are made a block at a time; once `best` records are
/// known, a block is left alone unless it has a key below the worst of them.
template <typename T, typename Record>
void selectRecords(const T* row, std::int64_t length, std::int64_t best, KeyOf<T> flip, Record* records) {
  using Key = KeyOf<T>;
  constexpr std::int64_t kBlock = 256;
  std::int64_t known = 0;
  bool bounded = false;
  Key bound = 0;
  for (std::int64_t begin = 0; begin < length; begin += kBlock) {
    const std::int64_t size = std::min(length - begin, kBlock);
    Key keys[kBlock];
    int below = 0;
    for (std::int64_t n = 0; n < size; ++n) {
      keys[n] = keyOf(row[begin + n]) ^ flip;
      below |= keys[n] < bound;
    }
    if (bounded && below == 0) continue;
    for (std::int64_t n = 0; n < size; ++n) {
      records[known] = makeRecord<Record>(keys[n], begin + n);
      // A later element with the key of the worst comes behind it.
      known += !bounded || keys[n] < bound ? 1 : 0;
    }
    if (known >= (bounded ? 2 * best + kBlock : best)) {
      std::nth_element(records, records + best - 1, records + known);
      known = best;
      bound = static_cast<Key>(keyIn(records[best - 1]));
      bounded = true;
    }
  }
  std::partial_sort(records, records + best, records + known);
}

/// Records that `selectRecords` may need for its best ones.
std::int64_t roomFor(std::int64_t best) { return 2 * best + 3 * 256; }

/// The first `count` elements of every row in sorted order, ties by lower index. Costs a few passes over the row for
/// all of it, about one for a few.
template <typename T>
Status sortRows(const OpContext& context, std::int64_t count, bool descending) {
  using Key = KeyOf<T>;
  using Record = RecordOf<Key>;
  const TensorView& x = context.operands[0].tensor;
  const std::int64_t length = x.dims[x.rank - 1];
  const StridedWalk<1> walk({&x});
  T* values = context.results[0].as<T>();
  std::int32_t* indices = context.results[1].as<std::int32_t>();
  if (count == 0 || walk.count == 0) return Status::ok();
  const std::int64_t rows = walk.count / length;
  const std::int64_t grain = std::max<std::int64_t>(kGrain / length, 1);
  const std::int64_t lanes = rows < 2 * grain ? 1 : context.team.threads();
  const bool select = count <= length / 8;
  const std::int64_t room = select ? roomFor(count) : 2 * length;
  Record* memory = context.scratch.allocate<Record>(lanes * room);
  T* gathered = context.scratch.allocate<T>(walk.isContiguous(0) ? 0 : lanes * length);
  if (memory == nullptr || gathered == nullptr) return Status::outOfMemory("not enough memory to sort in");
  const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  context.team.parallelFor(rows, grain, [&](std::int64_t begin, std::int64_t end, int lane) {
    Record* records = memory + lane * room;
    for (std::int64_t index = begin; index < end; ++index) {
      const T* row = x.as<T>() + index * length;
      if (!walk.isContiguous(0)) {
        gatherElements(walk, x.data, sizeof(T), index * length, length, gathered + lane * length);
        row = gathered + lane * length;
      }
      const Record* sorted = records;
      if (select) {
        selectRecords(row, length, count, flip, records);
      } else {
        for (std::int64_t n = 0; n < length; ++n) {
          records[n] = makeRecord<Record>(static_cast<Key>(keyOf(row[n]) ^ flip), n);
        }
        sorted = sortRecords<Record, sizeof(Key)>(records, records + length, length);
      }
      for (std::int64_t n = 0; n < count; ++n) {
        const std::uint32_t place = placeIn(sorted[n]);
        indices[index * count + n] = static_cast<std::int32_t>(place);
        values[index * count + n] = row[place];
      }
    }
  });
  return Status::ok();
}

Status sortBy(const char* name, const OpContext& context, std::int64_t count, bool descending) {
  const TensorView& x = context.operands[0].tensor;
  TensorView expected = x;
  expected.dims[x.rank - 1] = count;
  GEMMULE_RETURN_IF_ERROR(requireResult(name, context.results[0], x.dtype, expected));
  GEMMULE_RETURN_IF_ERROR(requireResult(name, context.results[1], DType::kInt32, expected));
  if (x.dims[x.rank - 1] > INT32_MAX) return Status::unsupported(std::string(name) + ": rows of 2^31 elements or more");
  switch (x.dtype) {
    case DType::kFloat32:
      return sortRows<float>(context, count, descending);
    case DType::kFloat64:
      return sortRows<double>(context, count, descending);
    case DType::kInt32:
      return sortRows<std::int32_t>(context, count, descending);
    default:
      return sortRows<std::uint8_t>(context, count, descending);
  }
}

Status checkRows(const char* name, const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(requireTensors(name, context, 1, 2));
  const TensorView& x = context.operands[0].tensor;
  if (x.rank == 0) return Status::invalid(std::string(name) + ": x must have at least one axis");
  return requireDType(name, "x", x, kComparable);
}

Status sort(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(checkRows("sort", context));
  std::int64_t descending = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("sort", context, 0, 0, 1, &descending));
  const TensorView& x = context.operands[0].tensor;
  return sortBy("sort", context, x.dims[x.rank - 1], descending == 1);
}

Status topk(const OpContext& context) {
  GEMMULE_RETURN_IF_ERROR(checkRows("topk", context));
  const TensorView& x = context.operands[0].tensor;
  std::int64_t k = 0;
  std::int64_t largest = 0;
  GEMMULE_RETURN_IF_ERROR(integerAttribute("topk", context, 0, 0, static_cast<double>(x.dims[x.rank - 1]), &k));
  GEMMULE_RETURN_IF_ERROR(integerAttribute("topk", context, 1, 0, 1, &largest));
  return sortBy("topk", context, k, largest == 1);
}

}  // namespace

std::span<const OpDefinition> sortOps() {
  static constexpr OpDefinition kOps[] = {{"sort", 1, 1, 1, 2, sort}, {"topk", 1, 1, 2, 2, topk}};
  return kOps;
}

}  // namespace gemmule
