/** The numbers of a vector as JSON: every float32 exactly, as the double that it is. */
export function vectorJson(vector: Float32Array): string {
  return JSON.stringify(Array.from(vector));
}

/** The numbers of a vector as OpenAI's clients ask for them: float32, little-endian, in Base64. */
export function vectorBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
