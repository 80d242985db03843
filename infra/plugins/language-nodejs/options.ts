/**
 * Node's arguments, before the program, from `runtime.options` of Pulumi.yaml. `typescript` must be false, because Node itself strips types and there is no ts-node here. Any other option but
 * `nodeargs` is refused by name, all at once.
 */
export function nodeArgsOf(options: { readonly [name: string]: unknown }): readonly string[] {
  const { typescript, nodeargs, ...others } = options;
  const problems = Object.keys(others).map((name) => `${name}: this language host does not support it`);
  if (typescript !== false && typescript !== "false") {
    problems.push("typescript: must be false; Node runs TypeScript directly");
  }
  if (nodeargs !== undefined && !(typeof nodeargs === "string" && /^[^"'\\]*$/.test(nodeargs))) {
    problems.push("nodeargs: expected words, without quotes");
  }
  if (problems.length > 0) {
    throw new Error(problems.map((problem) => `Pulumi.yaml: runtime.options.${problem}`).join("\n"));
  }
  return String(nodeargs ?? "").match(/\S+/g) ?? [];
}
