// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g;
const hex = 16;

/** Foreign text as a terminal may have it: what would steer it is written as an escape. Newlines and tabs stay. */
export function printable(text: string): string {
  return text.replace(unprintable, (sign) => `\\u${sign.charCodeAt(0).toString(hex).padStart(4, "0")}`);
}

/** Whether lists and objects stand at most so deep in each other. One that holds itself is endlessly deep. */
export function isNestedAtMost(value: unknown, depthMax: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depthMax > 0 && Object.values(value).every((item) => isNestedAtMost(item, depthMax - 1));
}
