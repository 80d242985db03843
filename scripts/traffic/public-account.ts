import { type LatencyMs, summarise } from "./accounting.ts";
import type { PublicProduct } from "./public-plan.ts";
import type { Arrival } from "./receivers.ts";
import type { UrlCounts } from "./url-tap.ts";

/** The result of a run of the public data server path in numbers: `public` of `--json`. */
export interface PublicAccount {
  /** Files that were put into px's txqs. */
  readonly written: number;
  /** The same, by the sender that delivers them. */
  readonly given: Readonly<Record<string, number>>;
  /** Products whose URL was announced. A product announced twice counts once here, and in `repeated`. */
  readonly announced: number;
  /** Products in each client's folder. */
  readonly fetched: Readonly<Record<string, number>>;
  /** Products given to px that are missing at a client, summed over clients. */
  readonly lost: number;
  /** Repeated announcements of products. */
  readonly repeated: number;
  /** Files whose size differs from the file given to px. */
  readonly wrongSize: number;
  /** Files of the right size with wrong content. */
  readonly wrongContent: number;
  /** From the file's arrival in px's txq to its arrival in the client's folder, by the kernel's change times. */
  readonly latencyMs: LatencyMs;
}

/** The names behind the numbers. */
export interface PublicDetails {
  readonly lost: readonly { readonly name: string; readonly client: string; readonly wasAnnounced: boolean }[];
  readonly repeated: readonly string[];
  readonly wrong: readonly { readonly client: string; readonly name: string; readonly kind: "size" | "content" }[];
  readonly tapGaps: number;
}

export interface PublicInput {
  readonly products: readonly PublicProduct[];
  /** Files given to each sender. */
  readonly given: Readonly<Record<string, number>>;
  /** File in a txq -> time of its arrival, milliseconds since 1970. */
  readonly written: ReadonlyMap<string, number>;
  readonly tap: UrlCounts;
  readonly arrivals: readonly Arrival[];
  readonly clients: readonly string[];
}

/** Counts each product of a run of the public data server path. Pure. */
export function publicAccount(input: PublicInput): { account: PublicAccount; details: PublicDetails } {
  const { products, written, given: bySender, tap, arrivals, clients } = input;
  const planned = new Map(products.map((product) => [product.delivered, product]));
  const given = products.filter(({ file }) => written.has(file));
  const have = new Map(clients.map((client) => [client, new Set(namesAt(client, arrivals))]));
  const lost = clients.flatMap((client) =>
    given
      .filter(({ delivered }) => !have.get(client)?.has(delivered))
      .map(({ delivered: name }) => ({ name, client, wasAnnounced: tap.announced.has(name) })),
  );
  const again = products.filter(({ delivered }) => (tap.announced.get(delivered) ?? 0) > 1);
  const wrong = arrivals.flatMap(({ pds: client, file: name, size, sha256 }) => {
    const product = planned.get(name);
    if (!product || (product.size === size && product.sha256 === sha256)) return [];
    return [{ client, name, kind: product.size === size ? ("content" as const) : ("size" as const) }];
  });
  const latencies = arrivals.flatMap(({ file, ctimeMs }) => {
    const closedMs = written.get(planned.get(file)?.file ?? "");
    return closedMs === undefined ? [] : [ctimeMs - closedMs];
  });
  return {
    account: {
      written: given.length,
      given: bySender,
      announced: products.filter(({ delivered }) => tap.announced.has(delivered)).length,
      fetched: Object.fromEntries(clients.map((client) => [client, have.get(client)?.size ?? 0])),
      lost: lost.length,
      repeated: again.reduce((sum, { delivered }) => sum + (tap.announced.get(delivered) ?? 0) - 1, 0),
      wrongSize: wrong.filter(({ kind }) => kind === "size").length,
      wrongContent: wrong.filter(({ kind }) => kind === "content").length,
      latencyMs: summarise(latencies),
    },
    details: { lost, repeated: again.map(({ delivered }) => delivered), wrong, tapGaps: tap.tapGaps },
  };
}

const namesAt = (client: string, arrivals: readonly Arrival[]): string[] =>
  arrivals.filter(({ pds }) => pds === client).map(({ file }) => file);
