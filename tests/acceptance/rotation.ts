import { existsSync } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "amqplib";
import { execa } from "execa";
import { expect, it } from "vitest";
import { passwordOf, type StackConfig } from "../../infra/config/index.ts";
import { agentLogin } from "../../infra/config/roles.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { openScene, type Scene } from "../chaos/scene.ts";
import { note } from "./figures.ts";
import { answerOf, expectAllOnce, killHalfWay, productsPerSecond, runVerb, whileFlowing } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { sendPublic } from "./public-road.ts";
import { expectNothingToChange, lab, stackConfig, textOf } from "./subject.ts";

const verbWithinMs = 900_000;
const restartWithinMs = 300_000;
const testWithinMs = 1_800_000;

interface Answer {
  readonly ok: boolean;
  readonly phases: readonly { readonly phase: string; readonly outcome: string }[];
}

/**
 * New secrets while products flow: the agents' password and warren's own login, each with the verb killed half way and run again, the cookie, the
 * CA. None is lost, none is dispatched twice. Proves nothing about a host that is unreachable.
 */
export function rotation(): void {
  part("new secrets while products flow", () => {
    it("are used without a lost product, and the previous ones are refused", { timeout: testWithinMs }, async () => {
      const before = await stackConfig();
      const previous = before.announcements.user;
      const nodes = () => runsOf(before);
      let [nodesBefore, nodesAfter]: string[][] = [[], []];
      const act = async (scene: Scene) => {
        await killedIn("move", ["password", previous]);
        const password = await rotate(["password", previous]);
        expect(password.phases.map(({ outcome }) => outcome)).toEqual(["done before", "done", "done"]);
        nodesBefore = await nodes();
        await rotate(["cookie"]);
        await rotate(["tls"]);
        await loginKeyIsRotated(before);
        nodesAfter = await nodes();
        await renewManagement(scene);
        // A member that starts later must have the new cookie to join.
        const again = ["sh", "-c", "systemctl restart rabbitmq-server && rabbitmqctl -q await_startup"];
        await hostExec(lab, scene.members.at(-1) ?? "", again, { timeoutMs: restartWithinMs });
      };
      const account = await whileFlowing([{ name: "rotation", act }], testWithinMs);
      note(
        `rotation of password, cookie and TLS at ${productsPerSecond} products a second: products`,
        String(account.attempted),
      );
      expectAllOnce(account);
      expect(nodesAfter).toEqual(nodesBefore);
      await expectOnlyNew(before, await stackConfig());
      await expectNothingToChange();
    });

    it(
      "are used by px and by the public data server, each product delivered once",
      { timeout: testWithinMs },
      deliveryIsRotated,
    );
  });
}

/** Enough products for the complete rotation, at `sendPublic`'s twenty a second. */
const delivered = 1200;

async function deliveryIsRotated(): Promise<void> {
  const before = await stackConfig();
  let rotated: Promise<Answer> | undefined;
  const { account, outcome } = await sendPublic(delivered, (fetched) => {
    if (fetched <= 20 || rotated) return;
    rotated = killedIn("change", ["delivery"]).then(() => rotate(["delivery"]));
    // Awaited below.
    rotated.catch(() => {});
  });
  expect((await rotated)?.phases.map((phase) => phase.outcome)).toEqual(["done"]);
  note("rotation of px's key and password: products", String(account.announced));
  note("  … lost", String(account.lost), "0");
  note("  … announced twice", String(account.repeated), "0");
  expect(outcome).toBe("complete");
  expect(account).toMatchObject({ announced: delivered, lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 });
  const now = await stackConfig();
  for (const key of ["deliveryKey", "deliveryPassword"] as const)
    expect(now.secrets[key]).not.toBe(before.secrets[key]);
  expect(now.datamart?.delivery?.publicKey).not.toBe(before.datamart?.delivery?.publicKey);
  await expectNothingToChange();
}

/**
 * A new key for warren itself. The verb is killed just after the new key has replaced the previous one. Every host then accepts the new key, as
 * root, as users with sudo and behind a jump host, and refuses the previous one.
 */
export async function loginKeyIsRotated(config: StackConfig): Promise<void> {
  const file = join(checkoutDirectory, config.ssh.privateKeyFile);
  const kept = `${file}.kept`;
  await copyFile(file, kept);
  try {
    await killHalfWay(["rotate", "ssh"], verbWithinMs, () => existsSync(`${file}.former`));
    const { phases } = await rotate(["ssh"]);
    expect(phases.map(({ outcome }) => outcome)).toEqual(["done before", "done", "done"]);
    expect(existsSync(`${file}.former`)).toBe(false);
    const hosts = Object.keys(config.hosts);
    expect(await Promise.all(hosts.map((host) => login(config, host, file)))).toEqual(hosts.map(() => "accepted"));
    const withPrevious = await Promise.all(hosts.map((host) => login(config, host, kept)));
    for (const answer of withPrevious) expect(answer).toMatch(/Permission denied/);
  } finally {
    await rm(kept, { force: true });
  }
}

/** Tries a login with only this key, from this machine, which is on the hosts' own network. */
async function login({ hosts, ssh }: StackConfig, host: string, file: string): Promise<string> {
  const { address = host, ssh: own } = hosts[host] ?? {};
  const options = [
    "IdentitiesOnly=yes",
    "ControlPath=none",
    "BatchMode=yes",
    `UserKnownHostsFile=${ssh.knownHostsFile}`,
  ];
  const given = options.flatMap((option) => ["-o", option]);
  const argv = ["-F", "none", "-i", file, ...given, `${own?.user ?? ssh.user}@${address}`, "true"];
  const { exitCode, stderr } = await execa("ssh", argv, { cwd: checkoutDirectory, reject: false, stdin: "ignore" });
  return exitCode === 0 ? "accepted" : stderr;
}

/** Checks logins without the verb: only the new secrets are accepted, and agents use the new user. */
async function expectOnlyNew(before: StackConfig, now: StackConfig): Promise<void> {
  const previous = before.announcements.user;
  expect(now.announcements.user).not.toBe(previous);
  expect(now.secrets.erlangCookie).not.toBe(before.secrets.erlangCookie);
  expect(now.tls.generation).toBe(before.tls.generation + 1);
  const trust = await brokerTrust(lab, now);
  for (const user of [previous, now.announcements.user]) await (await connect(brokerUrl(now, user), trust)).close();
  await expect(connect(brokerUrl(before, previous), trust)).rejects.toThrow(/ACCESS.REFUSED/);
  const [member = ""] = now.brokers[now.announcements.broker]?.members ?? [];
  const users = await textOf(member, "rabbitmqctl -q list_connections user | sort -u");
  const dispatcherOf = (config: StackConfig) => agentLogin(config, "dispatcher", config.announcements.broker).user;
  expect(users.split("\n")).toContain(dispatcherOf(now));
  expect(users.split("\n")).not.toContain(dispatcherOf(before));
  expect(users.split("\n")).not.toContain(previous);
  expect(passwordOf(now, previous)).not.toBe(passwordOf(before, previous));
}

/** The broker unit's invocation id on each member: it changes with each start. */
const runsOf = ({ brokers, announcements }: StackConfig): Promise<string[]> =>
  Promise.all(
    (brokers[announcements.broker]?.members ?? []).map((host) =>
      textOf(host, "systemctl show -p InvocationID --value rabbitmq-server"),
    ),
  );

const rotate = async (words: readonly string[]): Promise<Answer> =>
  (await answerOf<Answer>(["rotate", ...words], verbWithinMs)).answer;

/** Kills the verb as soon as it begins a step; the engine that it has started may still run. */
async function killedIn(step: string, words: readonly string[]): Promise<void> {
  const child = runVerb(["rotate", ...words, "--json"], verbWithinMs);
  child.stderr?.on("data", (data: Buffer) => {
    if (data.toString().includes(`warren: ${step}:`)) child.kill("SIGKILL");
  });
  const { signal, stderr } = await child;
  if (signal !== "SIGKILL") throw new Error(`rotate ${words.join(" ")} never reached ${step}: ${stderr}`);
}

/** Reopens the scene's management connections: they trust the previous CA, which no server uses any more. */
async function renewManagement(scene: Scene): Promise<void> {
  const renewed = await openScene(lab, await stackConfig());
  for (const api of scene.management.values()) api.close();
  Object.assign(scene, { management: renewed.management, config: renewed.config });
}
