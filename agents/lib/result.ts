/** The outcome of reading or writing something foreign: a value, or why there is none. Garbage is never an exception. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

export const good = <T>(value: T): Result<T> => ({ ok: true, value });
export const bad = (reason: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason });
