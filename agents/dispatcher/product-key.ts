/** Not a hexadecimal digit. */
const noDigit = 0xff;

/** Value of a digit by its character code. */
const digits = new Uint8Array(128).fill(noDigit);
for (let value = 0; value < 16; value++) {
  digits[value.toString(16).charCodeAt(0)] = value;
  digits[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

/** The words of the key that `readKey` read last, first eight digits first. Kept here because an array per message costs more. */
export const keyWords = new Int32Array(4);

/**
 * Reads a product's key of 32 hexadecimal digits, of either case, into `keyWords`. Throws a RangeError for anything else: two
 * keys mistaken for one would lose a product.
 */
export function readKey(key: string): void {
  if (key.length !== 32) throw new RangeError(`a product's key has 32 hexadecimal digits, got ${JSON.stringify(key)}`);
  let seen = 0;
  for (let word = 0, at = 0; word < 4; word++) {
    let value = 0;
    for (const end = at + 8; at < end; at++) {
      const digit = digits[key.charCodeAt(at)] ?? noDigit;
      seen |= digit;
      value = (value << 4) | digit;
    }
    keyWords[word] = value;
  }
  if (seen > 15) throw new RangeError(`a product's key has 32 hexadecimal digits, got ${JSON.stringify(key)}`);
}
