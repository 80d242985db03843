/** What shows that warren does it: a test file of the checkout, and the title of a test in it. */
export type Proof = readonly [file: string, title: string];

/** One line of the requirement. */
export interface Trace {
  /** As it is written there. */
  readonly line: string;
  readonly does: string;
  /** Empty: nothing shows it yet, and the table says so. */
  readonly proofs: readonly Proof[];
}

export interface Chapter {
  readonly title: string;
  readonly lines: readonly Trace[];
}
