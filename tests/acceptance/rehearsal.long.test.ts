import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { labDown } from "../../scripts/lab/index.ts";
import { expectNothingToChange, stackTrace, until, useSubject, warren } from "./subject.ts";

// The stacks for real hosts, as they are committed, on hosts of a lab: what an operator runs before the first `up` of `op`.

/** On a busy machine `up` of nineteen bare hosts takes minutes. */
const madeWithinMs = 900_000;
const healthyWithinMs = 90_000;
const lab = "rehearsal";
useSubject(lab, "lab");

afterAll(() => labDown(lab));

describe.each(["op", "dev"])("stack %s, rehearsed from bare hosts", (stack) => {
  const count = 200;
  /** Of each public data server: together they get a quarter. */
  const share = Math.ceil(count / 4 / 3);

  it(
    "comes up, and every product arrives once and complete on every path that it has",
    async () => {
      await labDown(lab);
      const folder = await mkdtemp(join(tmpdir(), "warren-rehearsal-"));
      try {
        const file = join(folder, "account.json");
        const made = await warren(
          ["lab", "-s", stack, "--name", lab, "--count", String(count), "--json", file],
          {},
          madeWithinMs,
        );
        expect(made.exitCode, made.output).toBe(0);
        expect(made.output).not.toMatch(stackTrace);
        const account = JSON.parse(await readFile(file, "utf8"));
        const intact = { lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 };
        expect(account).toMatchObject({ dispatched: count, ...intact });
        const servers: [string, { announced: number; fetched: Record<string, number> }][] = Object.entries(
          account.publicServers,
        );
        expect(servers).toHaveLength(3);
        for (const [server, each] of servers) {
          expect(each, server).toMatchObject(intact);
          expect([each.announced, ...Object.values(each.fetched)], server).toEqual([share, share]);
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    madeWithinMs,
  );

  it("is healthy by verify, and a preview shows nothing to change", async () => {
    // Right after the products: two cores are still busy with so many hosts, and brokers' statistics lag.
    let output = "";
    await until("verify finds no broken link", healthyWithinMs, async () => {
      const verified = await warren(["verify", "-s", lab]);
      output = verified.output;
      return verified.exitCode === 0;
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${output}`);
    });
    await expectNothingToChange();
  });
});
