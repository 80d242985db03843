/** @returns undefined where the text is not JSON, e.g. an incomplete line */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
