/** Texts in a tree of UTF-16 units, to find all that begin at a place. Nodes lie in typed arrays, found by hashing. */
export class Trie {
  /** By node: the node before it, the unit that leads here, and the value of the text that ends here, or -1. */
  #parents = new Int32Array(1024);
  #units = new Uint16Array(1024);
  #values = new Int32Array(1024).fill(-1);
  #nodes = 1;
  /** Open addressing: node numbers, 0 for none. */
  #table = new Int32Array(4096);

  /** @param value - 0 or more. */
  set(text: string, value: number): void {
    let node = 0;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      node = this.child(node, unit) || this.#addChild(node, unit);
    }
    this.#values[node] = value;
  }

  /** The node behind `node` by `unit`, or 0; the root is node 0. */
  child(node: number, unit: number): number {
    const mask = this.#table.length - 1;
    for (let slot = hash(node, unit) & mask; ; slot = (slot + 1) & mask) {
      const child = this.#table[slot] as number;
      if (child === 0 || (this.#parents[child] === node && this.#units[child] === unit)) return child;
    }
  }

  /** The value of the text that ends at a node, or -1. */
  valueAt(node: number): number {
    return this.#values[node] as number;
  }

  #addChild(parent: number, unit: number): number {
    if (this.#nodes === this.#parents.length) this.#grow();
    const node = this.#nodes++;
    this.#parents[node] = parent;
    this.#units[node] = unit;
    if (2 * this.#nodes > this.#table.length) this.#rehash();
    else this.#place(node);
    return node;
  }

  #place(node: number): void {
    const mask = this.#table.length - 1;
    let slot = hash(this.#parents[node] as number, this.#units[node] as number) & mask;
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
    this.#table[slot] = node;
  }

  #grow(): void {
    const length = 2 * this.#parents.length;
    const [parents, units, values] = [this.#parents, this.#units, this.#values];
    this.#parents = new Int32Array(length);
    this.#units = new Uint16Array(length);
    this.#values = new Int32Array(length).fill(-1);
    this.#parents.set(parents);
    this.#units.set(units);
    this.#values.set(values);
  }

  #rehash(): void {
    this.#table = new Int32Array(2 * this.#table.length);
    for (let node = 1; node < this.#nodes; node++) this.#place(node);
  }
}

function hash(node: number, unit: number): number {
  const mixed = Math.imul(Math.imul(node, 0x9e3779b1) ^ unit, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
