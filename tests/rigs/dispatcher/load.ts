/** What products are announced at, and what came of them. */
export interface LoadPlace {
  readonly pulled: ReadonlyMap<string, unknown>;
  /** Resolves when the puller has got something more. */
  readonly progress: Promise<void>;
  announcement(urp: 1 | 2, number: number): { readonly key: string; readonly body: Buffer };
  announce(body: Buffer): Promise<void>;
}

export interface Load {
  /** Announces the twins that are missing; resolves to all keys when the broker has everything. */
  stop(): Promise<string[]>;
}

/** The twin comes so many products after the first one. */
const lag = 30;
const unconfirmedMax = 60;
/** Products announced beyond what the puller has. */
const aheadMax = 800;

/** Both radar servers announce one product after the other, never far ahead of the puller, until it is stopped. */
export function startLoad(place: LoadPlace): Load {
  const stopped = Promise.withResolvers<void>();
  let isStopped = false;
  const unconfirmed = new Set<Promise<void>>();
  const send = async (urp: 1 | 2, number: number): Promise<void> => {
    const sent: Promise<void> = place.announce(place.announcement(urp, number).body).then(() => {
      unconfirmed.delete(sent);
    });
    unconfirmed.add(sent);
    // One that failed stays: whoever waits for the broker to have everything is told.
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
  // Told by `stop`.
  running.catch(() => {});
  return {
    stop: () => {
      isStopped = true;
      stopped.resolve();
      return running;
    },
  };
}
