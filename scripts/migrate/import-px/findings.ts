/** One line of an old file, or of a file that it includes. */
export interface Place {
  readonly file: string;
  /** Counts from 1; 0: the file as a whole. */
  readonly line: number;
}

/** What becomes of a line that has no place in an agent's config as it stands. */
export interface Finding extends Place {
  readonly option: string;
  /** unexpressed: the agent doesn't do what the line asked for. noted: what is left out or told otherwise takes nothing away. */
  readonly kind: "unexpressed" | "noted";
  readonly why: string;
  readonly remedy: string;
}

/** What keeps a file from being imported at all. */
export interface Fault extends Place {
  readonly message: string;
  readonly remedy: string;
}

/** `FILE:LINE`, or the file alone. */
export function placeText({ file, line }: Place): string {
  return line === 0 ? file : `${file}:${line}`;
}
