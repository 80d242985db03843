import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { noteSeconds } from "./figures.ts";
import { expectAllOnce, fewPerSecond, whileFlowing } from "./flowing.ts";
import { oneLab } from "./one-lab.ts";
import { withHosts } from "./stack-file.ts";
import { expectNothingToChange, lab, stackConfig, until, useSubject, warren } from "./subject.ts";
import { startTrickle } from "./verify-acts.ts";

// Warren itself is upgraded: version 0.1.0 makes the lab from bare hosts, then this checkout's `up` runs on them while products flow, as an
// operator's does after `git pull`. Proves nothing about stacks with a public data server or a monitor.

/** The last commit of version 0.1.0. */
const firstVersion = "1bbb3b8505be8f324bbb53584a845e48329374c4";
/** With npm's installation for the earlier checkout. Milliseconds. */
const madeWithinMs = 900_000;
/** Brokers restart one after the other. Milliseconds. */
const upWithinMs = 900_000;
const healthyWithinMs = 90_000;

useSubject("earlier", "lab4", (text) =>
  withHosts(text, ["urp-1", "urp-2", "bunny1", "bunny2", "bunny3", "pds-1", "pds-2", "ldap-1"]),
);
oneLab();

let earlier: string;
beforeAll(async () => {
  earlier = await mkdtemp(join(tmpdir(), "warren-earlier-"));
  await execa("sh", ["-c", `git archive ${firstVersion} | tar -x -C "$1"`, "sh", earlier], { cwd: checkoutDirectory });
  // Labs, keys and states are there.
  await symlink(join(checkoutDirectory, ".warren"), join(earlier, ".warren"));
});
afterAll(() => rm(earlier, { recursive: true, force: true }));

it("version 0.1.0 makes the hosts", { timeout: madeWithinMs }, async () => {
  const { exitCode, output } = await warren(["up", "-s", lab, "--yes"], {}, madeWithinMs, earlier);
  expect(exitCode, output).toBe(0);
});

it("`up` of this version loses no product and repeats none", { timeout: upWithinMs + 300_000 }, async () => {
  const act = async () => {
    const { exitCode, output, seconds } = await warren(["up", "-s", lab, "--yes"], {}, upWithinMs);
    expect(exitCode, output).toBe(0);
    noteSeconds("up from version 0.1.0 under load", seconds, 300);
  };
  expectAllOnce(await whileFlowing([{ name: "up", act }], upWithinMs + 200_000, fewPerSecond));
});

it("leaves healthy hosts, with nothing to change", { timeout: 300_000 }, async () => {
  await expectNothingToChange();
  const trickle = await startTrickle(await stackConfig());
  let output = "";
  try {
    await until("verify finds no broken link", healthyWithinMs, async () => {
      const verified = await warren(["verify", "-s", lab]);
      output = verified.output;
      return verified.exitCode === 0;
    }).catch((error: Error) => expect.unreachable(`${error.message}: ${output}`));
  } finally {
    await trickle.stop();
  }
});
