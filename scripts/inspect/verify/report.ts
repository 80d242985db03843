import { printableLine } from "../../../agents/lib/foreign.ts";
import { painter } from "../../lib/table.ts";
import type { Judged, Verification } from "./judge.ts";
import type { Part, Verdict } from "./step.ts";

const marks: Readonly<
  Record<Verdict["verdict"], readonly [mark: string, colour: "green" | "red" | "yellow" | "gray"]>
> = {
  good: ["✓", "green"],
  broken: ["✗", "red"],
  waits: ["…", "yellow"],
  unknown: ["?", "gray"],
};

const titles: Readonly<Record<Part, string>> = {
  URP: "1. URP: made, announced, served",
  bunny: "2. bunny: broker, virtual IP, dispatcher",
  PDS: "3. PDS: pulled",
  px: "4. px: delivered, announced",
  DD: "5. DD: the public data server and its broker",
  client: "6. clients: fetched",
  beside: "7. bridges and receivers: converted to other formats, written to files",
  monitor: "8. monitors: Prometheus, Alertmanager, auditor",
};

/** One line for each step and host, with a remedy below if it is not good; then `between`; the first broken link at the end. */
export function formatVerification({ firstBroken, steps }: Verification, color: boolean, between = ""): string {
  const paint = painter(color);
  const stepWidth = Math.max(...steps.map(({ step }) => step.length));
  const hostWidth = Math.max(...steps.map(({ host }) => host.length));
  const lines: string[] = [];
  let part: Part | undefined;
  for (const one of steps) {
    if (one.part !== part) lines.push(...(part ? [""] : []), titles[one.part]);
    part = one.part;
    lines.push(...stepLines(one));
  }
  const last = firstBroken
    ? [
        paint(
          "red",
          `first broken link: ${firstBroken.host}, ${firstBroken.step}: ${printableLine(firstBroken.evidence)}`,
        ),
        `remedy: ${firstBroken.remedy}`,
      ]
    : [paint("green", "no broken link")];
  return `${[...lines, "", ""].join("\n")}${between}${[...last, ""].join("\n")}`;

  function stepLines({ step, host, verdict, evidence, remedy }: Judged): string[] {
    const [mark, colour] = marks[verdict];
    const line = `  ${paint(colour, mark)} ${step.padEnd(stepWidth)}  ${host.padEnd(hostWidth)}  ${printableLine(evidence)}`;
    const indent = " ".repeat(stepWidth + hostWidth + 8);
    return verdict === "good" || remedy === undefined ? [line] : [line, `${indent}-> ${remedy}`];
  }
}
