import { Document, isMap, isScalar, Scalar, visit } from "yaml";
import type { AdoptedStack } from "./stack.ts";

interface TextOptions {
  readonly stack: string;
  /** Day of the adoption, `2026-11-24`. */
  readonly date: string;
}

/** Comments above the sections. */
const comments: Readonly<Record<string, string>> = {
  "warren:hosts": ` \`adopted\`: services that stay as they were found, with files byte for byte. Remove one, and warren's own replaces it:
 ./warren preview shows what would change. Without any, the host is like any other.`,
  "warren:brokers": " The brokers' objects. Change them here, and `./warren up` changes them on the broker.",
  "warren:announcements": " Every stack needs this section; adopted hosts get nothing of it.",
};

/** The stack file of an adoption, without secrets; what it can't express is listed at its end. */
export function stackFileText({ values, unexpressed }: AdoptedStack, { stack, date }: TextOptions): string {
  const config = Object.fromEntries(Object.entries(values).map(([section, value]) => [`warren:${section}`, value]));
  // The engine's YAML parser is an older one, for which `on` may be a boolean.
  const document = new Document({ config }, { compat: "yaml-1.1" });
  document.commentBefore = ` Adopted by \`./warren adopt\` on ${date}. stacks/Pulumi.op.yaml explains every key.`;
  const sections = document.get("config");
  if (isMap(sections)) {
    for (const { key } of sections.items) {
      const comment = isScalar(key) ? comments[String(key.value)] : undefined;
      if (comment && isScalar(key)) key.commentBefore = comment;
    }
  }
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value !== "string") return;
      // Readable, yet byte for byte: a literal block, unless that can't express the text.
      if (node.value.includes("\n") && !/[^\S\n]\n|\t|\r|^\s/.test(node.value)) node.type = Scalar.BLOCK_LITERAL;
    },
  });
  const list = unexpressed.map(
    ({ place, what, consequence }) => `#   ${place}: ${what.replaceAll(/\s+/g, " ")} (${consequence})\n`,
  );
  const ending = list.length > 0 ? `# Not expressed in this file:\n${list.join("")}` : "";
  return `${document.toString({ lineWidth: 0 })}${ending}`.replace("\n# Not", "\n\n# Not").replaceAll("STACK", stack);
}
