const special: { readonly [character: string]: string } = { "?": "[^/]", "{": "(?:", "}": ")", ",": "|" };

/**
 * Path patterns as in the official provider: `*` and `?` stop at a slash, `**` does not, `[abc]`, `[!abc]`, `{a,b}`; a backslash escapes the next
 * character.
 */
export function globPattern(glob: string): RegExp {
  let braces = 0;
  const source = glob.replaceAll(/\[(!?)((?:\\.|[^\]\\])+)\]|\*\*|\*|\\?./gsu, (token, not?: string, list?: string) => {
    if (list !== undefined) return `[${not ? "^" : ""}${list.replaceAll(/[\^[]/g, "\\$&")}]`;
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    const inBraces = braces > 0;
    if (token === "{") braces++;
    if (token === "}" && inBraces) braces--;
    if (token === "?" || token === "{" || (inBraces && token in special)) return special[token] ?? "";
    return token.slice(-1).replaceAll(/[\^$\\.*+?()[\]{}|]/g, "\\$&");
  });
  if (braces > 0) throw new Error(`${glob}: a { is never closed`);
  return new RegExp(`^${source}$`, "su");
}

/** The paths that the rules select; later rules win, and those that start with `!` exclude. */
export function selectPaths(paths: readonly string[], globs: readonly string[]): readonly string[] {
  const rules = globs.map((glob) => ({ selects: !glob.startsWith("!"), pattern: globPattern(glob.replace(/^!/, "")) }));
  return paths.filter((path) => rules.findLast(({ pattern }) => pattern.test(path))?.selects ?? false);
}
