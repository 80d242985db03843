import type { SourceMutation } from "./mutants.ts";
import type { Ground } from "./world.ts";

const opensClaim = "this.claims.open(key, arrival, arrival.atMs, isUnconfirmed, false);";

/** Bugs that the simulation must find. Each is a plausible mistake. */
export const sourceMutations: readonly SourceMutation[] = [
  {
    name: "acks at the publish, not at its confirm",
    file: "products.ts",
    find: opensClaim,
    replace:
      `${opensClaim} this.claims.get(key)!.delivery = undefined; ` +
      'this.#step.push({ type: "ack", delivery: arrival.delivery.id });',
  },
  {
    name: "records a product as known before its confirm",
    file: "products.ts",
    find: opensClaim,
    replace: `${opensClaim} this.#add(key, arrival.atMs, arrival.source, arrival.sizeBytes, true);`,
  },
  {
    name: "decides without a marker",
    file: "decisions.ts",
    find: "if (this.catchingUp.isDone && this.#mayPublish)",
    replace: "if (this.#mayPublish)",
  },
  {
    name: "accepts any marker",
    file: "catching-up.ts",
    find: "if (!marker || marker.token !== token) return undefined;",
    replace: "if (!marker) return undefined;",
  },
  {
    name: "never repeats a refused marker",
    file: "catching-up.ts",
    find: "marker.againAtMs = this.#step.nowMs + pauseMs;",
    replace: "marker.againAtMs = Number.POSITIVE_INFINITY;",
  },
  {
    name: "continues after a gap without a marker",
    file: "core.ts",
    find: "if (this.#feed.onDelivery()) catchingUp.requireMarkerAfterGap();",
    replace: "this.#feed.onDelivery();",
  },
  {
    name: "trusts the ledger for redeliveries",
    file: "products.ts",
    find: "if (suspect && options.receipts) this.unconfirmed.hold(key, arrival);\n    else this.#onTwin(slot, key, arrival);",
    replace: "this.#onTwin(slot, key, arrival);",
  },
  {
    name: "doesn't mark redeliveries as unconfirmed",
    file: "products.ts",
    find: opensClaim,
    replace: "this.claims.open(key, arrival, arrival.atMs, false, false);",
  },
  {
    name: "doesn't mark the repeat of a refused publish",
    file: "products.ts",
    find: 'if (outcome === "nacked") claim.doubt = true;',
    replace: "",
  },
  {
    name: "releases unconfirmed products at once",
    file: "unconfirmed.ts",
    find: "if (held.atMs + doubtMs > atMs) return undefined;",
    replace: "return key;",
  },
  {
    name: "accepts a receipt of an earlier window",
    file: "products.ts",
    find: "const atMs = Math.min(reportedMs, nowMs);",
    replace: "const atMs = nowMs;",
  },
  {
    name: "forgets waiting twins",
    file: "products.ts",
    find: "    if (!waiting) return;\n",
    replace: "    if (waiting || !waiting) return;\n",
  },
  {
    name: "starts the window at the last twin",
    file: "products.ts",
    find: "    if (this.#alternates.onTwin(key, arrival)) return;\n",
    replace:
      "    this.#add(key, this.#step.nowMs, firstSource, sizeBytes, true);\n" +
      "    if (this.#alternates.onTwin(key, arrival)) return;\n",
  },
  {
    name: "forgets products after half the window",
    file: "dedup-table.ts",
    find: "if (same && nowMs < (times[timeOf(slot)] ?? 0) + this.windowMs) return slot;",
    replace: "if (same && nowMs < (times[timeOf(slot)] ?? 0) + this.windowMs / 2) return slot;",
  },
  {
    name: "accepts products beyond its limit",
    file: "products.ts",
    find: "return this.entries < this.#step.options.entriesMax;",
    replace: "return true;",
  },
  {
    name: "stays full forever",
    file: "core.ts",
    find: "this.entries <= options.entriesMax * resumeShare",
    replace: "this.entries < 0",
  },
  {
    name: "unsubscribes while its publishes are in flight",
    file: "core.ts",
    find: "    if (this.#decisions.sent > 0) return;\n",
    replace: "",
  },
  {
    name: "waits forever for its publishes when the address leaves",
    file: "core.ts",
    find: 'this.#accepting === "leaving" && !this.#holdsAddress &&',
    replace: 'this.#accepting === "leaving" && this.#holdsAddress &&',
  },
  {
    name: "keeps held deliveries when the address leaves",
    file: "decisions.ts",
    find: 'for (const { id } of this.catchingUp.deferred.drain()) this.#step.push({ type: "requeue", delivery: id });',
    replace: "this.catchingUp.deferred.drain();",
  },
  {
    name: "waits forever for a confirm",
    file: "confirm-timeout.ts",
    find: "return !this.#blocked &&",
    replace: "return this.#blocked && !this.#blocked &&",
  },
  {
    name: "drops a failed publish",
    file: "products.ts",
    find: "    if (this.claims.retry(claim)) this.#resolve(claim);\n    else this.claims.release(claim);",
    replace: "    this.claims.release(claim);",
  },
  {
    name: "answers a request again",
    file: "alternates.ts",
    find: "if (slot >= 0 && (this.#step.table.isPulled(slot) || (isAnswered && !isUncertain))) {",
    replace: "if (slot >= 0 && this.#step.table.isPulled(slot)) {",
  },
  {
    name: "accepts any announcement as the answer to a request",
    file: "alternates.ts",
    find: "    this.#waiting.settle(key, source);\n",
    replace: "    this.#waiting.settle(key);\n",
  },
  {
    name: "stops helping after the last round of attempts",
    file: "noted-requests.ts",
    find: "return request && !this.#isOver(request.sinceMs) ? request : undefined;",
    replace: "return undefined;",
  },
  {
    name: "keeps no twin",
    file: "products.ts",
    find: "if (source !== firstSource && table.twinRef(slot) === 0 && !table.isPulled(slot)) {",
    replace: "if (source === '') {",
  },
  {
    name: "ignores that another host has no twin",
    file: "alternates.ts",
    find: "if (slot >= 0 && this.#step.table.source(slot) === source) {",
    replace: "if (slot >= 0 && source === '') {",
  },
  {
    name: "takes a repeated publish for the first announcement",
    file: "products.ts",
    find: "    if (table.source(slot) === source) return;\n",
    replace: "    if (table.source(slot) !== '') return;\n",
  },
  {
    name: "assumes that a repeated announcement was published",
    file: "products.ts",
    find: "const suspect = marks.again ? !table.isPulled(slot) : redelivered",
    replace: "const suspect = marks.again ? false : redelivered",
  },
  {
    name: "keeps waiting requests when the address leaves",
    file: "waiting-requests.ts",
    find: 'for (const { id } of deliveries) this.#step.push({ type: "requeue", delivery: id });',
    replace: "",
  },
];

/** Rules that the core requires of its shell and the broker, each turned off once. */
export const groundMutations: readonly { readonly name: string; readonly ground: Partial<Ground> }[] = [
  { name: "the ledger is acked before it is on disk", ground: { ledgerWaitsForDisk: false } },
  { name: "announcers repeat nothing", ground: { announcesAgain: false } },
  { name: "two consumers share the ledger", ground: { ledgerSingleActive: false } },
];
