/** One progress report of a lab. `done` of `total` where it can be counted. */
export interface LabProgress {
  readonly step: "note" | "packages" | "image" | "hosts" | "down";
  readonly text: string;
  readonly done?: number;
  readonly total?: number;
}

export type Report = (progress: LabProgress) => void;

/**
 * Shows progress as lines. On a terminal a step's next line replaces its previous one. Without a terminal only the
 * first and the last line of a step are written.
 */
export function progressPrinter(stream: NodeJS.WriteStream): Report {
  let open: LabProgress | undefined;
  return (progress) => {
    const count = progress.total === undefined ? "" : ` ${progress.done ?? 0} of ${progress.total}`;
    const line = `lab: ${progress.text}${count}`;
    const last = progress.total !== undefined && progress.done === progress.total;
    if (stream.isTTY) {
      const same = open?.step === progress.step;
      stream.write(`${open && !same ? "\n" : ""}\r\x1b[K${line}${last || progress.step === "note" ? "\n" : ""}`);
      open = last || progress.step === "note" ? undefined : progress;
    } else if (last || open?.step !== progress.step) {
      stream.write(`${line}\n`);
      open = progress;
    }
  };
}
