/**
 * Blanks `//` and block comments out of JSON text, so that annotated examples are configs. Every other character keeps its
 * line and column, which keeps the parser's own error positions true.
 */
export function blankComments(text: string): string {
  // One alternation: a string is matched whole first, so a "//" inside it (a URL) is never taken for a comment.
  return text.replace(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (match) =>
    match.startsWith('"') ? match : match.replace(/[^\n]/g, " "),
  );
}
