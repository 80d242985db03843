import { productsAnswer } from "../lib/audit-answers.ts";
import { printableLine } from "../lib/foreign.ts";
import type { State } from "./view.ts";

export interface Hop {
  readonly atMs: number;
  readonly what: string;
  readonly where: string;
}

/** What the page shows of a product. No text is trusted. */
export interface Found {
  readonly path: string;
  readonly state: State;
  readonly word: string;
  readonly hops: readonly Hop[];
  readonly isCertain: boolean;
}

const textMax = 500;
const line = (text: string): string => printableLine(text, textMax);

const states: Readonly<Record<string, readonly [State, string]>> = {
  seen: ["unknown", "Seen, but neither announced nor dispatched."],
  waiting: ["ok", "On its way: not placed yet."],
  overdue: ["bad", "Overdue: not placed."],
  unknown: ["unknown", "Unknown: a receipt may have been missed."],
  placed: ["ok", "Placed."],
  late: ["warn", "Placed late."],
};

/** A product's sightings in the order of time. @throws ZodError for an answer of another form */
export function foundOf(answer: unknown): Found {
  const { knows, products } = productsAnswer.parse(answer);
  const [product] = products;
  if (!product)
    return { path: "", state: "unknown", word: "The auditor does not know this product.", hops: [], isCertain: knows };
  const [state, word] = states[product.state] ?? ["unknown", line(product.state)];
  const hop = (atMs: number | undefined, what: string, where = ""): Hop[] =>
    atMs === undefined ? [] : [{ atMs, what, where: line(where) }];
  const hops = [
    ...hop(product.closedMs, "file complete", product.announcedBy),
    ...hop(product.announcedMs, "announced", product.announcedBy),
    ...hop(product.secondMs, "announced by the other", product.secondBy),
    ...hop(product.dispatchedMs, product.dispatchedAgain ? "dispatched, and again later" : "dispatched"),
    ...hop(product.twinMs, "twin sent to pullers"),
    ...hop(product.placedMs, product.repeated ? "placed, and again later" : "placed", product.puller),
    ...product.deadLetters.flatMap(({ atMs, reason }) => hop(atMs, "dead-lettered", reason)),
  ];
  return {
    path: line(product.path),
    state,
    word,
    hops: hops.toSorted((one, other) => one.atMs - other.atMs),
    isCertain: knows,
  };
}
