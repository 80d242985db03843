/** Color on terminals that support it; respects `NO_COLOR` and `FORCE_COLOR`. */
export function wantsColor(stream: { isTTY?: boolean; hasColors?: () => boolean }): boolean {
  if (process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR && process.env.FORCE_COLOR !== "0") return true;
  return Boolean(stream.isTTY && (stream.hasColors?.() ?? true));
}
