/** One line of an old file, or of a file that it includes. */
export interface Place {
  readonly file: string;
  /** From 1; 0: the whole file. */
  readonly line: number;
}

/** What becomes of a line that has no equivalent in an agent's config. */
export interface Finding extends Place {
  readonly option: string;
  /**
   * missing: the file doesn't say it, as where only its beginning is known; the agent refuses its config until it is added. unexpressed: the
   * agent does not do what the line asked for. noted: nothing is lost by the omission or change.
   */
  readonly kind: "missing" | "unexpressed" | "noted";
  readonly why: string;
  readonly remedy: string;
}

/** What prevents the import of a file. */
export interface Fault extends Place {
  readonly message: string;
  readonly remedy: string;
}

/** `FILE:LINE`, or the file alone. */
export function placeText({ file, line }: Place): string {
  return line === 0 ? file : `${file}:${line}`;
}
