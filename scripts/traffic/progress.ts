import type { Progress } from "./await-arrival.ts";

/** Where progress goes: standard error, so that a table on standard output can be piped. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface ProgressLine {
  show(progress: Progress): void;
  /** Ends the line; nothing is shown after it. */
  end(): void;
}

/** Without a terminal, a log file would fill with the same line: one in this time, and the last. */
const plainEveryMs = 3000;
const eraseLine = "\r\u001b[K";

export function formatProgress({ announced, dispatched, pulled, count }: Progress): string {
  return `announced ${announced.join("+")} · dispatched ${dispatched} · pulled ${pulled} of ${count}`;
}

/** The live line: rewritten in place on a terminal, a new line every few seconds elsewhere. */
export function progressLine(stream: ProgressStream): ProgressLine {
  let shown = "";
  let latest = "";
  let shownMs: number | undefined;
  const put = (): void => {
    stream.write(stream.isTTY ? `${eraseLine}${latest}` : `${latest}\n`);
    shown = latest;
    shownMs = performance.now();
  };
  return {
    show(progress) {
      latest = formatProgress(progress);
      shownMs ??= performance.now();
      if (latest !== shown && (stream.isTTY || performance.now() - shownMs >= plainEveryMs)) put();
    },
    end() {
      if (latest !== shown) put();
      if (stream.isTTY && shown !== "") stream.write("\n");
    },
  };
}
