import { expect, it } from "vitest";
import { deadLetterExchange, deadLetterQueue } from "../../agents/lib/topology.ts";
import { withChannel } from "./broker.ts";
import { part } from "./one-lab.ts";
import { lab, until, warren } from "./subject.ts";

const dead = (...words: readonly string[]) => warren(["dead", ...words, "-s", lab]);

/** The dispatcher dead-letters an unreadable message at once, a replayed one too. */
const untilThere = (count: number) =>
  until(`${count} dead letters`, 30_000, async () => {
    const { output } = await dead("list", "--json");
    const { queues } = JSON.parse(output) as { readonly queues: readonly { readonly of: number }[] };
    return queues.reduce((sum, { of }) => sum + of, 0) === count;
  });

export function deadLetters(): void {
  part("dead letters", () => {
    it("are counted, shown, replayed to their agent and dropped, through ssh", { timeout: 180_000 }, async () => {
      const announcement = `no announcement ${Date.now()} \u001b[31m`;
      await withChannel(async (channel) => {
        await channel.purgeQueue(deadLetterQueue);
        channel.publish("cmc", "v00.urp.input.20150120", Buffer.from(announcement), { persistent: true });
        channel.publish(deadLetterExchange, "a.stranger", Buffer.from([0, 27, 255]), { persistent: true });
        await channel.waitForConfirms();
      });
      await untilThere(2);
      const shown = await dead("show");
      expect(shown.exitCode).toBe(0);
      expect(shown.output).toMatch(/agent +dispatcher[\s\S]*no announcement \d+ \\x1b\[31m/);
      expect(shown.output).toMatch(/agent +unknown[\s\S]*can't be replayed/);
      expect(shown.output).not.toContain("\u001b");
      const replayed = await dead("replay", "--all", "--yes");
      expect(replayed).toMatchObject({ exitCode: 2, output: expect.stringMatching(/replayed: 1\nstays: /) });
      // The replayed message is still unreadable.
      await untilThere(2);
      const dropped = await dead("drop", "--all", "--yes");
      expect(dropped).toMatchObject({ exitCode: 0, output: expect.stringContaining("dropped: 2\n") });
      const none = await dead("list");
      expect(none).toMatchObject({ exitCode: 0, output: expect.stringContaining(`${deadLetterQueue} is empty`) });
    });
  });
}
