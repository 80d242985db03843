/** @returns undefined where the text is no JSON, e.g. a line that was being written */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
