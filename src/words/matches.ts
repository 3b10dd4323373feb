/** A word that was found, and how well it fits. */
export interface Match {
  readonly word: string;
  /** Its place in the vocabulary. */
  readonly index: number;
  /** The cosine, from -1 to 1; with 3CosMul its quotient of similarities. */
  readonly score: number;
}
