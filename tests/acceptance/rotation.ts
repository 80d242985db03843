import { existsSync } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "amqplib";
import { execa } from "execa";
import { expect, it } from "vitest";
import { passwordOf, type StackConfig } from "../../infra/config/index.ts";
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
 * New secrets while products flow: the agents' password and warren's own login, each with the verb killed half way and given again, the cookie, the CA.
 * None is lost, none goes out twice. Doesn't prove what a host that is away means for any.
 */
export function rotation(): void {
  part("new secrets while products flow", () => {
    it("are taken up without a lost product, and the former ones refused", { timeout: testWithinMs }, async () => {
      const before = await stackConfig();
      const former = before.announcements.user;
      const nodes = () => runsOf(before);
      let [nodesBefore, nodesAfter]: string[][] = [[], []];
      const act = async (scene: Scene) => {
        await killedIn("move", ["password", former]);
        const password = await rotate(["password", former]);
        expect(password.phases.map(({ outcome }) => outcome)).toEqual(["done before", "done", "done"]);
        nodesBefore = await nodes();
        await rotate(["cookie"]);
        await rotate(["tls"]);
        await loginKeyIsRotated(before);
        nodesAfter = await nodes();
        await renewManagement(scene);
        // Who comes later has the new cookie, or is no member.
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
      "are taken up by px and by the public data server, each product delivered once",
      { timeout: testWithinMs },
      deliveryIsRotated,
    );
  });
}

/** Products for as long as both sides take, at `sendPublic`'s twenty a second. */
const delivered = 1200;

async function deliveryIsRotated(): Promise<void> {
  const before = await stackConfig();
  let rotated: Promise<Answer> | undefined;
  const { account, outcome } = await sendPublic(delivered, (fetched) => {
    if (fetched <= 20 || rotated) return;
    rotated = killedIn("change", ["delivery"]).then(() => rotate(["delivery"]));
    // Told below.
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
 * Another key for warren itself, killed half way when the new one has just taken the former one's place: every host lets the new one in, root, users with
 * sudo and what is behind a jump host, and refuses the former one.
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
    expect(await Promise.all(hosts.map((host) => login(config, host, file)))).toEqual(hosts.map(() => "let in"));
    const former = await Promise.all(hosts.map((host) => login(config, host, kept)));
    for (const answer of former) expect(answer).toMatch(/Permission denied/);
  } finally {
    await rm(kept, { force: true });
  }
}

/** By this key and nothing else, from this machine, which is on the hosts' own network. */
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
  return exitCode === 0 ? "let in" : stderr;
}

/** What the verb has said of logins, seen by other means; and that agents are the other user. */
async function expectOnlyNew(before: StackConfig, now: StackConfig): Promise<void> {
  const former = before.announcements.user;
  expect(now.announcements.user).not.toBe(former);
  expect(now.secrets.erlangCookie).not.toBe(before.secrets.erlangCookie);
  expect(now.tls.generation).toBe(before.tls.generation + 1);
  const trust = await brokerTrust(lab, now);
  for (const user of [former, now.announcements.user]) await (await connect(brokerUrl(now, user), trust)).close();
  await expect(connect(brokerUrl(before, former), trust)).rejects.toThrow(/ACCESS.REFUSED/);
  const [member = ""] = now.brokers[now.announcements.broker]?.members ?? [];
  const users = await textOf(member, "rabbitmqctl -q list_connections user | sort -u");
  expect(users.split("\n")).toContain(now.announcements.user);
  expect(users.split("\n")).not.toContain(former);
  expect(passwordOf(now, former)).not.toBe(passwordOf(before, former));
}

/** Each start of a unit has an id. */
const runsOf = ({ brokers, announcements }: StackConfig): Promise<string[]> =>
  Promise.all(
    (brokers[announcements.broker]?.members ?? []).map((host) =>
      textOf(host, "systemctl show -p InvocationID --value rabbitmq-server"),
    ),
  );

const rotate = async (words: readonly string[]): Promise<Answer> =>
  (await answerOf<Answer>(["rotate", ...words], verbWithinMs)).answer;

/** Kills the verb as soon as it begins a step; the engine that it has started may continue. */
async function killedIn(step: string, words: readonly string[]): Promise<void> {
  const child = runVerb(["rotate", ...words, "--json"], verbWithinMs);
  child.stderr?.on("data", (data: Buffer) => {
    if (data.toString().includes(`warren: ${step}:`)) child.kill("SIGKILL");
  });
  const { signal, stderr } = await child;
  if (signal !== "SIGKILL") throw new Error(`rotate ${words.join(" ")} never came to ${step}: ${stderr}`);
}

/** The verbs trust the previous CA, which no server uses any more. */
async function renewManagement(scene: Scene): Promise<void> {
  const renewed = await openScene(lab, await stackConfig());
  for (const api of scene.management.values()) api.close();
  Object.assign(scene, { management: renewed.management, config: renewed.config });
}
