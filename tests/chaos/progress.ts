import type { ProgressStream } from "../../scripts/traffic/progress.ts";
import type { Evidence } from "./evidence.ts";

/** Lines that stay. On a terminal, a live line below them. */
export interface ChaosLines {
  say(text: string): void;
  show(evidence: Evidence, doing: string): void;
  end(): void;
}

const plainEveryMs = 10_000;
const eraseLine = "\r\u001b[K";

/** On a terminal the live line is rewritten in place; otherwise one line is printed every ten seconds. */
export function chaosLines(stream: ProgressStream): ChaosLines {
  let latest = "";
  let shownMs = performance.now();
  const live = stream.isTTY === true;
  return {
    say(text) {
      stream.write(live ? `${eraseLine}${text}\n${latest}` : `${text}\n`);
    },
    show(evidence, doing) {
      if (!live && performance.now() - shownMs < plainEveryMs) return;
      const text = describeProgress(evidence, doing);
      if (text === latest) return;
      latest = text;
      shownMs = performance.now();
      stream.write(live ? `${eraseLine}${text}` : `${text}\n`);
    },
    end() {
      if (live) stream.write(eraseLine);
      latest = "";
    },
  };
}

export function describeProgress(evidence: Evidence, doing: string): string {
  const { products, retired } = evidence;
  const count = (is: (record: (typeof products)[number]) => boolean) => products.filter(is).length + retired;
  const repeated = products.filter(({ dispatched, delivered }) => {
    return dispatched.length > 1 || delivered.length > 1;
  }).length;
  return [
    doing,
    `attempted ${products.length + retired}`,
    `dispatched ${count(({ dispatched }) => dispatched.length > 0)}`,
    `delivered ${count(({ delivered }) => delivered.length > 0)}`,
    `repeated ${repeated + evidence.stragglers.length}`,
  ].join(" · ");
}
