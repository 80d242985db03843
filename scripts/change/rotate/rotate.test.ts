import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseStackConfig } from "../../../infra/config/index.ts";
import { fixtureConfig, stackValues } from "../../../infra/model/fixture.ts";
import { runRecord } from "../../engine/run-record.ts";
import { deliveryRotation } from "./delivery.ts";
import { loginPlaces, namesOf } from "./login.ts";
import { hasFormer, keyFiles, makeNext, publicHalf, removeFormer, swap } from "./login-keys.ts";
import { planUser } from "./password.ts";
import { type Phase, rotationRecord, runPhases } from "./phase.ts";
import { configWithKey } from "./ssh.ts";
import type { Subject } from "./subject.ts";

const config = fixtureConfig("lab");

describe("a user's new password", () => {
  it("for the agents' user is its twin's, at every broker that they log in to", () => {
    expect(planUser(config, "feeder")).toEqual({
      user: "feeder",
      keys: ["feeder"],
      brokers: ["bunny", "wxo-b1"],
      twin: { user: "feeder-b", keys: ["feeder-b"] },
    });
  });

  it("switches back to the first user the next time, with each broker's own password", () => {
    const values = stackValues("lab") as { secrets: { passwords: object } } & Record<string, object>;
    const passwords = { ...values.secrets.passwords, "feeder-b": "twin-of-all", "feeder-b@wxo-b1": "twin-of-one" };
    const announcements = { ...values.announcements, user: "feeder-b" };
    const moved = parseStackConfig({ ...values, announcements, secrets: { ...values.secrets, passwords } }, "lab");
    expect(planUser(moved, "feeder-b").twin).toEqual({ user: "feeder", keys: ["feeder", "feeder@wxo-b1"] });
    // No agent logs in as the previous user any more.
    expect(planUser(moved, "feeder").twin).toBeUndefined();
  });

  it("changes at once for a user that no agent uses, including the administrator", () => {
    expect(planUser(config, "anonymous")).toMatchObject({ keys: ["anonymous"], brokers: ["bunny", "wxo-b1"] });
    expect(planUser(config, "root").twin).toBeUndefined();
  });

  it("is refused for a user of the directory, and for an unknown user", () => {
    expect(() => planUser(config, "michel")).toThrow(/in LDAP/);
    expect(() => planUser(config, "sender")).toThrow(/derived from that of feeder/);
    expect(() => planUser(config, "nobody")).toThrow(/is not a user of the stack's brokers/);
  });
});

describe("a login", () => {
  it("is checked where clients connect from other hosts, over TLS if available", () => {
    expect(loginPlaces(config, "bunny")[0]).toMatchObject({ port: config.brokers.bunny?.tlsPort, secure: true });
    const closed = { ...config, brokers: { own: { ...config.brokers.bunny, tls: false, plainText: false } } };
    expect(loginPlaces(closed as typeof config, "own")).toEqual([]);
  });

  it("that stays open is reported with the client's name and address", () => {
    const named = { user: "feeder", peer_host: "10.0.0.1", client_properties: { connection_name: "puller@pds-1" } };
    const other = { user: "root", peer_host: "10.0.0.2" };
    expect(namesOf([named, other, { user: "feeder" }])).toEqual([
      { user: "feeder", client: "puller@pds-1 from 10.0.0.1" },
      { user: "root", client: "a client without a name from 10.0.0.2" },
      { user: "feeder", client: "a client without a name from an unknown host" },
    ]);
  });
});

describe("phases", () => {
  it("stop at findings, and continue there without those that are done", async () => {
    const folder = await mkdtemp(join(tmpdir(), "warren-rotate-"));
    const kept = runRecord("rotate", "s", rotationRecord, join(folder, "record.json"));
    const did: string[] = [];
    let away = true;
    const phase = (name: string, find: () => string[] = () => []): Phase => ({
      ...{ name, where: "", what: "", meanwhile: "" },
      run: async () => {
        did.push(name);
        return find();
      },
    });
    const phases = [phase("one"), phase("two", () => (away ? ["a host is away"] : [])), phase("three")];
    const run = async () => {
      const begun = (await kept.read()) ?? { startedAt: "now", what: "w", done: [] };
      return (await runPhases({ what: "w", phases, afterwards: [] }, kept, begun, () => {})).map(
        ({ outcome }) => outcome,
      );
    };
    try {
      expect(await run()).toEqual(["done", "stopped", "not begun"]);
      away = false;
      expect(await run()).toEqual(["done before", "done", "done"]);
      expect([did, await kept.read()]).toEqual([["one", "two", "two", "three"], undefined]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("a login's key pair", () => {
  it("replaces the previous one, wherever it is interrupted", async () => {
    const folder = await mkdtemp(join(tmpdir(), "warren-keys-"));
    const files = keyFiles(join(folder, "id"));
    try {
      await makeNext({ ...files, next: files.now }, "first");
      const first = await publicHalf(files.now);
      for (const _ of [1, 2]) await makeNext(files, "second");
      const second = await publicHalf(files.next);
      expect(second).not.toBe(first);
      for (const _ of [1, 2]) await swap(files);
      // No third key while the second is in use and the first is not yet removed from the hosts.
      await makeNext(files, "third");
      await swap(files);
      expect([await publicHalf(files.now), await publicHalf(files.former)]).toEqual([second, first]);
      expect(await readFile(`${files.now}.pub`, "utf8")).toBe(`${second} second\n`);
      await removeFormer(files);
      expect(await hasFormer(files)).toBe(false);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("is checked for a single host, on a connection of its own; the jump host uses the key in use", () => {
    const text = 'Host a\n  IdentityFile "/old"\n  ControlPath "/c"\nHost b\n  IdentityFile "/old"\n  ProxyJump a\n';
    expect(configWithKey(text, "b", "/new")).toBe(
      'Host a\n  IdentityFile "/old"\n  ControlPath none\nHost b\n  IdentityFile "/new"\n  ProxyJump a\n',
    );
  });
});

describe("a new key and password of px's deliveries", () => {
  const subject = (of: typeof config): Subject => ({
    ...{ stack: "lab", before: of, startedAt: "", healthyWithinMs: 0, say: () => {} },
    engine: {} as Subject["engine"],
  });

  it("are both created if senders deliver by SFTP and by FTP", () => {
    expect(deliveryRotation(subject(config)).phases[0]).toMatchObject({ what: "a new key and password of wxofeed" });
  });

  it("are refused if px delivers nothing", () => {
    const { datamart: _, ...without } = config;
    expect(() => deliveryRotation(subject(without))).toThrow(/delivers nothing/);
  });
});
