import type { Gaps } from "./gaps.ts";
import { type Limits, type Product, waitingSinceMs } from "./product.ts";

/**
 * A waiting product whose time is up, when everything published until then has been read. It is overdue if this auditor would have had its receipt,
 * and if it is surely not the second announcement of a product that it missed: dispatchers drop those. Else nothing is known.
 */
export function judged(product: Product, gaps: Gaps, { overdueMs, windowMs }: Limits): Product {
  const sinceMs = waitingSinceMs(product) ?? product.firstMs;
  const mayBeSecond = product.dispatchedMs === undefined && gaps.meets(sinceMs - windowMs, sinceMs);
  if (!mayBeSecond && !gaps.meets(sinceMs, sinceMs + overdueMs)) return { ...product, state: "overdue" };
  return { ...product, state: "unknown", unsure: true };
}
