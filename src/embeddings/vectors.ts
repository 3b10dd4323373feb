/** What a vector is divided by at least, so that one of zeros stays what it is. */
const LEAST_LENGTH = 1e-12;

/** Divides a vector by its length, in place. The length is summed in float64. */
export function normalizeInPlace(vector: Float32Array): void {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.max(Math.sqrt(squares), LEAST_LENGTH);
  for (let index = 0; index < vector.length; index++) vector[index] /= length;
}
