/** What Pulumi.yaml may say under `runtime.options`. */
export interface RuntimeOptions {
  /** Extra arguments for node, in front of the program. */
  readonly nodeArgs: readonly string[];
}

/**
 * Reads `runtime.options`. TypeScript must be off in Pulumi's sense (`typescript: false`): Node itself strips the types,
 * there is no ts-node here. Anything else but `nodeargs` is refused by name, all at once.
 */
export function parseOptions(options: { readonly [name: string]: unknown }): RuntimeOptions {
  const { typescript, nodeargs, ...others } = options;
  const problems = Object.keys(others).map((name) => `${name}: this language host has no such option`);
  if (typescript !== false && typescript !== "false") {
    problems.push("typescript: must be false; Node runs TypeScript as it is");
  }
  if (nodeargs !== undefined && typeof nodeargs !== "string") problems.push("nodeargs: expected a string");
  if (problems.length > 0) {
    throw new Error(problems.map((problem) => `Pulumi.yaml: runtime.options.${problem}`).join("\n"));
  }
  return { nodeArgs: typeof nodeargs === "string" ? splitWords(nodeargs) : [] };
}

/** Splits as a shell would split words without expansions: blanks separate, quotes join, a backslash takes the next as it is. */
export function splitWords(text: string): string[] {
  const words = text.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs) ?? [];
  return words.map((word) =>
    word.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, escaped?: string) =>
      double === undefined ? (single ?? escaped ?? "") : double.replaceAll(/\\(["\\$`])/g, "$1"),
    ),
  );
}
