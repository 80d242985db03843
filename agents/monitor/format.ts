/** A number with three digits at most: `0.24`, `12.5`, `340`, `12.3k`. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 999_500) return `${trimmed(value / 1e6)}M`;
  if (size >= 9_995) return `${trimmed(value / 1000)}k`;
  return size >= 999.5 ? String(Math.round(value)) : trimmed(value);
}

const trimmed = (value: number): string => {
  const size = Math.abs(value);
  return String(Number(value.toFixed(size >= 99.5 ? 0 : size >= 9.95 ? 1 : 2)));
};

/** A rate with two digits, so that what hardly changes is not sent again. */
export const roundedRate = (value: number): number => (value < 0.005 ? 0 : Number(value.toPrecision(2)));

/** `0.24 s`, `12 s`, `3 min`, `5 h`, `2 d`, with a blank at which no line breaks. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)}\u00a0ms`;
  if (seconds < 9.95) return `${trimmed(seconds)}\u00a0s`;
  if (seconds < 120) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}\u00a0min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}\u00a0h` : `${Math.round(seconds / 86_400)}\u00a0d`;
}

/** How long ago, in whole seconds: a moment is a second. */
export const ago = (seconds: number): string => `${duration(Math.max(1, Math.round(seconds)))} ago`;

export const count = (value: number, one: string, many = `${one}s`): string =>
  `${shortNumber(value)} ${Math.round(value) === 1 ? one : many}`;

/** `02:30:05` of a time in milliseconds since 1970, in UTC; with its date if that is another day than `nowMs`. */
export function clock(ms: number, nowMs: number): string {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return "–";
  const text = new Date(ms).toISOString();
  const time = text.slice(11, 19);
  return text.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10) ? time : `${text.slice(0, 10)} ${time}`;
}
