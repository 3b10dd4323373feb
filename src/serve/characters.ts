/** Counts the characters before places in a text that are near to each other. */
export class CharacterCounter {
  #units = 0;
  #characters = 0;

  constructor(readonly text: string) {}

  before(place: number): number {
    while (this.#units < place) {
      this.#units += (this.text.codePointAt(this.#units) as number) > 0xffff ? 2 : 1;
      this.#characters += 1;
    }
    // Several tokens can be of one character, such as the bytes of an emoji.
    while (this.#units > place) {
      this.#units -= this.#units > 1 && (this.text.codePointAt(this.#units - 2) as number) > 0xffff ? 2 : 1;
      this.#characters -= 1;
    }
    return this.#characters;
  }
}
