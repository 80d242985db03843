/** Progress of long steps. `line` prints a line that stays; `status` is replaced by the next one. */
export interface Progress {
  line(text: string): void;
  status(text: string): void;
}

/** Milliseconds between two status lines without a terminal, where each stays in the log. */
const plainIntervalMs = 15_000;

/** Writes to standard error, so that standard output has a verb's result only. */
export function showProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  let open = false;
  let plainAt = 0;
  const close = () => {
    if (open) stream.write("\r\x1b[K");
    open = false;
  };
  return {
    line(text) {
      close();
      stream.write(`warren: ${text}\n`);
      plainAt = Date.now();
    },
    status(text) {
      if (stream.isTTY) {
        stream.write(`\r\x1b[Kwarren: ${text}`.slice(0, (stream.columns || 80) + 4));
        open = true;
      } else if (Date.now() - plainAt >= plainIntervalMs) {
        stream.write(`warren: ${text}\n`);
        plainAt = Date.now();
      }
    },
  };
}
