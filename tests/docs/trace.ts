/** What proves that warren does it: a test file of the checkout, and the title of a test in it. */
export type Proof = readonly [file: string, title: string];

/** One line of the requirement. */
export interface Trace {
  /** The line as the requirement has it. */
  readonly line: string;
  readonly does: string;
  /** Empty if no test proves it yet; the table says so. */
  readonly proofs: readonly Proof[];
}

export interface Chapter {
  readonly title: string;
  readonly lines: readonly Trace[];
}
