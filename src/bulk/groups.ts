/**
 * Items in groups of at most `count` and, but for a single larger one, of at most `size` together.
 *
 * @param sizeOf - how large an item is.
 */
export async function* inGroups<T>(
  items: AsyncIterable<T>,
  count: number,
  size: number,
  sizeOf: (item: T) => number,
): AsyncGenerator<T[]> {
  let group: T[] = [];
  let total = 0;
  for await (const item of items) {
    if (group.length > 0 && (group.length >= count || total + sizeOf(item) > size)) {
      yield group;
      group = [];
      total = 0;
    }
    group.push(item);
    total += sizeOf(item);
  }
  if (group.length > 0) yield group;
}
