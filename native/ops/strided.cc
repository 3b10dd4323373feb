#include "ops/strided.h"

namespace gemmule {

namespace {

template <typename Word>
void fillWords(const void* source, std::int64_t count, void* target) {
  Word word;
  std::memcpy(&word, source, sizeof(Word));
  Word* words = static_cast<Word*>(target);
  for (std::int64_t index = 0; index < count; ++index) words[index] = word;
}

template <typename Word>
void gatherAs(const StridedWalk<1>& walk, const void* source, std::int64_t position, std::int64_t count,
              void* target) {
  gatherWords(walk, static_cast<const Word*>(source), position, count, static_cast<Word*>(target));
}

}  // namespace

void gatherElements(const StridedWalk<1>& walk, const void* source, std::int64_t elementBytes, std::int64_t position,
                    std::int64_t count, void* target) {
  switch (elementBytes) {
    case 1:
      return gatherAs<std::uint8_t>(walk, source, position, count, target);
    case 2:
      return gatherAs<std::uint16_t>(walk, source, position, count, target);
    case 4:
      return gatherAs<std::uint32_t>(walk, source, position, count, target);
    default:
      return gatherAs<std::uint64_t>(walk, source, position, count, target);
  }
}

void fillElements(const void* source, std::int64_t elementBytes, std::int64_t count, void* target) {
  switch (elementBytes) {
    case 1:
      return fillWords<std::uint8_t>(source, count, target);
    case 2:
      return fillWords<std::uint16_t>(source, count, target);
    case 4:
      return fillWords<std::uint32_t>(source, count, target);
    default:
      return fillWords<std::uint64_t>(source, count, target);
  }
}

}  // namespace gemmule
