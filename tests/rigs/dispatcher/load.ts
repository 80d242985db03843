/** The place where products are announced, and their results. */
export interface LoadPlace {
  readonly pulled: ReadonlyMap<string, unknown>;
  /** Resolves when the puller gets another message. */
  readonly progress: Promise<void>;
  announcement(urp: 1 | 2, number: number): { readonly key: string; readonly body: Buffer };
  announce(body: Buffer): Promise<void>;
}

export interface Load {
  /** Announces the missing twins. Resolves to all keys when everything is confirmed. */
  stop(): Promise<string[]>;
}

/** How many products the twin is behind. */
const lag = 30;
const unconfirmedMax = 60;
/** Limit of announced products that the puller doesn't have yet. */
const aheadMax = 800;

/** Announces one product after the other for both radar servers, never far ahead of the puller, until it is stopped. */
export function startLoad(place: LoadPlace): Load {
  const stopped = Promise.withResolvers<void>();
  let isStopped = false;
  const unconfirmed = new Set<Promise<void>>();
  const send = async (urp: 1 | 2, number: number): Promise<void> => {
    const sent: Promise<void> = place.announce(place.announcement(urp, number).body).then(() => {
      unconfirmed.delete(sent);
    });
    unconfirmed.add(sent);
    // A failed one stays, so that `stop` rejects.
    sent.catch(() => {});
    while (unconfirmed.size >= unconfirmedMax) await Promise.race(unconfirmed);
  };
  const run = async (): Promise<string[]> => {
    const keys: string[] = [];
    for (let number = 0; !isStopped; number++) {
      keys.push(place.announcement(1, number).key);
      await send(1, number);
      if (number >= lag) await send(2, number - lag);
      while (!isStopped && number - place.pulled.size > aheadMax) await Promise.race([place.progress, stopped.promise]);
    }
    for (let number = Math.max(0, keys.length - lag); number < keys.length; number++) await send(2, number);
    await Promise.all(unconfirmed);
    return keys;
  };
  const running = run();
  // `stop` rejects with it.
  running.catch(() => {});
  return {
    stop: () => {
      isStopped = true;
      stopped.resolve();
      return running;
    },
  };
}
