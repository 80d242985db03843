import type { ProductsAnswer } from "../../../agents/lib/audit-answers.ts";
import type { Sighting } from "./trace.ts";

/** What an auditor knows of a product, by time. Times are by the auditor's clock, except when the file was complete. Pure. */
export function auditedSightings(auditor: string, product: ProductsAnswer["products"][number]): Sighting[] {
  const { announcedBy = "", secondBy = "", puller = "", state } = product;
  const seen = (atMs: number | undefined, host: string, who: string, what: string): Sighting[] =>
    atMs === undefined ? [] : [{ atMs, host: host || auditor, who, what }];
  const again = product.dispatchedAgain ? ", and again later" : "";
  const twice = product.repeated ? ", and placed again later" : "";
  const nowhere = state === "overdue" || state === "unknown";
  const known = [
    ...seen(product.closedMs, announcedBy, "file", "complete"),
    ...seen(product.announcedMs, announcedBy, "announcer", `announced: ${product.path}`),
    ...seen(product.secondMs, secondBy, "announcer", "announced"),
    ...seen(product.dispatchedMs, "", "dispatcher", `dispatched${again}`),
    ...seen(product.twinMs, "", "dispatcher", "sent as a twin"),
    ...product.deadLetters.flatMap(({ atMs, reason }) => seen(atMs, "", "dead letter", reason)),
    ...seen(product.placedMs, puller, "puller", `placed${state === "late" ? ", late" : ""}${twice}`),
  ].toSorted((one, other) => one.atMs - other.atMs);
  const why = state === "overdue" ? "not placed in time, overdue" : "its receipt may have been missed: unknown";
  return nowhere ? [...known, ...seen(known.at(-1)?.atMs ?? product.firstMs, "", "auditor", why)] : known;
}
