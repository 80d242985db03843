import { Document, isMap, isScalar, Scalar, visit } from "yaml";
import type { AdoptedStack } from "./stack.ts";

interface TextOptions {
  readonly stack: string;
  /** Day of the adoption, `2026-11-24`. */
  readonly date: string;
}

/** Above each section, what a reader may want to know there. */
const comments: Readonly<Record<string, string>> = {
  "warren:hosts": ` \`adopted\`: services kept as they were found, files to the byte. Take one out, and warren's own takes its place:
 ./warren preview shows what that would change. Without any of it, the host is like every other one.`,
  "warren:brokers": " What the brokers have. Change it here, and `./warren up` changes it there.",
  "warren:announcements": " Needed for every stack; nothing of it is brought to adopted hosts.",
};

/** The stack file of an adoption, without secrets; what could not be expressed is listed at its end. */
export function stackFileText({ values, unexpressed }: AdoptedStack, { stack, date }: TextOptions): string {
  const config = Object.fromEntries(Object.entries(values).map(([section, value]) => [`warren:${section}`, value]));
  // The engine's own reader of YAML is an older one, to which `on` may be a truth value.
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
      // To the byte, and readable: a literal block, but where one can't say it.
      if (node.value.includes("\n") && !/[^\S\n]\n|\t|\r|^\s/.test(node.value)) node.type = Scalar.BLOCK_LITERAL;
    },
  });
  const list = unexpressed.map(
    ({ place, what, consequence }) => `#   ${place}: ${what.replaceAll(/\s+/g, " ")} (${consequence})\n`,
  );
  const ending = list.length > 0 ? `# What has no place in this file:\n${list.join("")}` : "";
  return `${document.toString({ lineWidth: 0 })}${ending}`.replace("\n# What", "\n\n# What").replaceAll("STACK", stack);
}
