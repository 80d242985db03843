import {
  type AuditedProduct,
  auditAnswersVersion,
  keyOfName,
  type OverdueAnswer,
  type ProductsAnswer,
  type RefusedAnswer,
} from "../lib/audit-answers.ts";
import type { Answer } from "../lib/metrics.ts";
import type { Audit } from "./audit.ts";
import type { Product } from "./product.ts";

const overdueListedMax = 1000;
/** Longer than any month. */
const historyMs = 32 * 86_400_000;

/** Answers `/products?name=NAME` (a name, a path or a key) `/overdue`, see `agents/lib/audit-answers.ts`, and
 * `/history?from=MS&to=MS`, see `agents/lib/audit-history.ts`. Never throws. */
export function answer(
  url: URL,
  audit: Pick<Audit, "product" | "deadLettersOf" | "overdue" | "history">,
  knows: boolean,
): Answer | undefined {
  const version = auditAnswersVersion;
  const refused = (status: number, error: string): Answer => ({
    status,
    body: { version, error } satisfies RefusedAnswer,
  });
  try {
    if (url.pathname === "/overdue") {
      const products = audit.overdue(overdueListedMax + 1);
      const more = products.length > overdueListedMax;
      const body = { version, knows, products: products.slice(0, overdueListedMax).map(publicOf), more };
      return { status: 200, body: body satisfies OverdueAnswer };
    }
    if (url.pathname === "/history") {
      const [fromMs, toMs] = ["from", "to"].map((name) => Number(url.searchParams.get(name) ?? Number.NaN));
      if (!isTime(fromMs) || !isTime(toMs)) return refused(400, "expected ?from= and &to= in milliseconds since 1970");
      return { status: 200, body: audit.history(fromMs, Math.min(toMs, fromMs + historyMs)) };
    }
    if (url.pathname !== "/products") return undefined;
    const key = keyOfName(url.searchParams.get("name") ?? "");
    if (key === undefined) return refused(400, "expected ?name= with a product's name or its key of 32 digits");
    const product = audit.product(key);
    const deadLetters = audit.deadLettersOf(key).map(({ atMs, reason }) => ({ atMs, reason }));
    const products = product ? [{ ...publicOf(product), deadLetters }] : [];
    return { status: 200, body: { version, knows, products } satisfies ProductsAnswer };
  } catch (error) {
    return refused(503, (error as Error).message);
  }
}

const isTime = (ms: number | undefined): ms is number => ms !== undefined && Number.isSafeInteger(ms) && ms >= 0;

const publicOf = ({ dispatchId: _, placingId: __, unmarkedId: ___, ...product }: Product): AuditedProduct => product;
