/** How long steps show that they live. `line` says one thing for good; `status` is replaced by the next one. */
export interface Progress {
  line(text: string): void;
  status(text: string): void;
}

/** Without a terminal a status is a line of a log: one in this many milliseconds is enough. */
const plainIntervalMs = 15_000;

/** Writes to standard error, so that what a verb prints as its result stays clean. */
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
