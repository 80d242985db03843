import type { Progress } from "./await-arrival.ts";

/** Progress goes to standard error, so that a table on standard output can be piped. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface ProgressLine {
  show(progress: Progress): void;
  /** Ends the line; nothing is printed after it. */
  end(): void;
}

/** Milliseconds between two lines without a terminal, so that they don't fill a log file; the last line is always printed. */
const plainEveryMs = 3000;
const eraseLine = "\r\u001b[K";

export function formatProgress({ announced, dispatched, pulled, count }: Progress): string {
  return `announced ${announced.join("+")} · dispatched ${dispatched} · pulled ${pulled} of ${count}`;
}

/** The progress line: rewritten in place on a terminal, otherwise a new line every few seconds. */
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
