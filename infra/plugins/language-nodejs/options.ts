/** Options under `runtime.options` of Pulumi.yaml. */
export interface RuntimeOptions {
  /** Extra arguments for node, before the program. */
  readonly nodeArgs: readonly string[];
}

/**
 * Parses `runtime.options`. `typescript` must be false, because Node itself strips types and there is no ts-node here. Any other option but
 * `nodeargs` is refused by name, all at once.
 */
export function parseOptions(options: { readonly [name: string]: unknown }): RuntimeOptions {
  const { typescript, nodeargs, ...others } = options;
  const problems = Object.keys(others).map((name) => `${name}: this language host does not support it`);
  if (typescript !== false && typescript !== "false") {
    problems.push("typescript: must be false; Node runs TypeScript directly");
  }
  if (nodeargs !== undefined && typeof nodeargs !== "string") problems.push("nodeargs: expected a string");
  if (problems.length > 0) {
    throw new Error(problems.map((problem) => `Pulumi.yaml: runtime.options.${problem}`).join("\n"));
  }
  return { nodeArgs: typeof nodeargs === "string" ? splitWords(nodeargs) : [] };
}

/** Splits words as a shell without expansions: blanks separate, quotes join, a backslash escapes the next character. */
export function splitWords(text: string): string[] {
  const words = text.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs) ?? [];
  return words.map((word) =>
    word.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, escaped?: string) =>
      double === undefined ? (single ?? escaped ?? "") : double.replaceAll(/\\(["\\$`])/g, "$1"),
    ),
  );
}
