import type { Term } from "../../templates/erlang-terms.ts";

/** Small readers of Erlang terms. Each returns undefined if the term is something else. */

export const listOf = (term: Term | undefined): readonly Term[] | undefined => (Array.isArray(term) ? term : undefined);

export const tupleOf = (term: Term | undefined): readonly Term[] | undefined =>
  typeof term === "object" && "tuple" in term ? term.tuple : undefined;

export const atomOf = (term: Term | undefined): string | undefined => {
  if (typeof term === "boolean") return String(term);
  return typeof term === "object" && "atom" in term ? term.atom : undefined;
};

/** A string or a binary; `[]` is the empty string. */
export const textOf = (term: Term | undefined): string | undefined => {
  if (typeof term === "string") return term;
  if (Array.isArray(term) && term.length === 0) return "";
  return typeof term === "object" && "binary" in term ? term.binary : undefined;
};

/** Items read by one reader; undefined if an item or the list is something else. */
export function allOf<T>(term: Term | undefined, read: (item: Term) => T | undefined): T[] | undefined {
  const items = listOf(term)?.map(read);
  return items?.every((item) => item !== undefined) ? (items as T[]) : undefined;
}

/** `{name, value}` pairs of a property list, in their order; a bare atom is `true`. */
export function pairsOf(term: Term | undefined): (readonly [name: string, value: Term])[] | undefined {
  return allOf(term, (item) => {
    const name = atomOf(item);
    if (name !== undefined) return [name, true] as const;
    const [key, value, ...rest] = tupleOf(item) ?? [];
    const word = atomOf(key);
    return word === undefined || value === undefined || rest.length > 0 ? undefined : ([word, value] as const);
  });
}
