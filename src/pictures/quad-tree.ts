/** Cells are not split further, so that points at one place end the splitting. */
const MOST_DEPTH = 40;

const NOBODY = -1;

/** A quadtree of points of the plane, for sums over all of them in which far cells act as one (Barnes and Hut 1986). */
export class QuadTree {
  #cells = 0;
  /** Points below a cell, and the sums of their coordinates. */
  #mass: Float64Array;
  #sumX: Float64Array;
  #sumY: Float64Array;
  #size: Float64Array;
  /** The first of four children, or 0 for a leaf. */
  #children: Int32Array;
  /** A point of a leaf. */
  #point: Int32Array;
  readonly #stack = new Int32Array(4 * MOST_DEPTH + 8);

  /** @param count - about how many points there will be. */
  constructor(count: number) {
    const cells = Math.max(64, 4 * count);
    this.#mass = new Float64Array(cells);
    this.#sumX = new Float64Array(cells);
    this.#sumY = new Float64Array(cells);
    this.#size = new Float64Array(cells);
    this.#children = new Int32Array(cells);
    this.#point = new Int32Array(cells);
  }

  /** Begins anew. @param points - `[count, 2]`, finite. */
  build(points: Float64Array): void {
    let [left, top, right, bottom] = [points[0], points[1], points[0], points[1]];
    for (let at = 0; at < points.length; at += 2) {
      left = Math.min(left, points[at]);
      right = Math.max(right, points[at]);
      top = Math.min(top, points[at + 1]);
      bottom = Math.max(bottom, points[at + 1]);
    }
    this.#cells = 0;
    const size = Math.max(right - left, bottom - top, Number.MIN_VALUE);
    this.#add(size);
    for (let point = 0; 2 * point < points.length; point++) this.#insert(point, points, left, top, size);
  }

  /**
   * The sum of 1 / (1 + d^2) over all other points at their distances d, and the force they exert: the sum of the squares of
   * that times the difference.
   *
   * @param forces - `[count, 2]`: the force on `point` is written there.
   * @param theta - a cell acts as one where its size is less than so many of its distances.
   */
  repulsion(point: number, points: Float64Array, forces: Float64Array, theta: number): number {
    const x = points[2 * point];
    const y = points[2 * point + 1];
    const [mass, sumX, sumY, size] = [this.#mass, this.#sumX, this.#sumY, this.#size];
    const [children, members, stack] = [this.#children, this.#point, this.#stack];
    let sum = 0;
    let forceX = 0;
    let forceY = 0;
    let height = 1;
    stack[0] = 0;
    while (height > 0) {
      const cell = stack[--height];
      const inside = mass[cell];
      if (inside === 0) continue;
      const dx = x - sumX[cell] / inside;
      const dy = y - sumY[cell] / inside;
      const square = dx * dx + dy * dy;
      const first = children[cell];
      if (first !== 0 && size[cell] * size[cell] >= theta * theta * square) {
        for (let child = first; child < first + 4; child++) stack[height++] = child;
        continue;
      }
      // A leaf of one place: the point itself is no other.
      const others = first === 0 && (members[cell] === point || square === 0) ? inside - 1 : inside;
      const weight = 1 / (1 + square);
      sum += others * weight;
      forceX += others * weight * weight * dx;
      forceY += others * weight * weight * dy;
    }
    forces[2 * point] = forceX;
    forces[2 * point + 1] = forceY;
    return sum;
  }

  #add(size: number): number {
    if (this.#cells === this.#mass.length) this.#grow();
    const cell = this.#cells++;
    this.#mass[cell] = 0;
    this.#sumX[cell] = 0;
    this.#sumY[cell] = 0;
    this.#size[cell] = size;
    this.#children[cell] = 0;
    this.#point[cell] = NOBODY;
    return cell;
  }

  #grow(): void {
    const larger = <T extends Float64Array | Int32Array>(old: T, fresh: T): T => {
      fresh.set(old);
      return fresh;
    };
    const length = this.#mass.length * 2;
    this.#mass = larger(this.#mass, new Float64Array(length));
    this.#sumX = larger(this.#sumX, new Float64Array(length));
    this.#sumY = larger(this.#sumY, new Float64Array(length));
    this.#size = larger(this.#size, new Float64Array(length));
    this.#children = larger(this.#children, new Int32Array(length));
    this.#point = larger(this.#point, new Int32Array(length));
  }

  #insert(point: number, points: Float64Array, left: number, top: number, wholeSize: number): void {
    const x = points[2 * point];
    const y = points[2 * point + 1];
    let [cell, cellLeft, cellTop, size] = [0, left, top, wholeSize];
    for (let depth = 0; ; depth++) {
      const before = this.#mass[cell];
      this.#mass[cell] += 1;
      this.#sumX[cell] += x;
      this.#sumY[cell] += y;
      if (this.#children[cell] === 0) {
        if (before === 0) this.#point[cell] = point;
        if (before === 0 || depth === MOST_DEPTH) return;
        this.#split(cell, before, points, cellLeft, cellTop, size);
      }
      size /= 2;
      const [east, south] = [x >= cellLeft + size ? 1 : 0, y >= cellTop + size ? 1 : 0];
      cell = this.#children[cell] + east + 2 * south;
      cellLeft += east * size;
      cellTop += south * size;
    }
  }

  /** Gives a leaf children, and what was in it to the right one. */
  #split(cell: number, mass: number, points: Float64Array, left: number, top: number, size: number): void {
    const member = this.#point[cell];
    const half = size / 2;
    const first = this.#add(half);
    for (let child = 1; child < 4; child++) this.#add(half);
    this.#children[cell] = first;
    this.#point[cell] = NOBODY;
    const [x, y] = [points[2 * member], points[2 * member + 1]];
    const child = first + (x >= left + half ? 1 : 0) + (y >= top + half ? 2 : 0);
    this.#mass[child] = mass;
    this.#sumX[child] = mass * x;
    this.#sumY[child] = mass * y;
    this.#point[child] = member;
  }
}
