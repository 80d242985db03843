import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../../tests/rigs/shared-broker.ts";
import { isSecret, reveal, secret } from "../lib/values.ts";
import { type Conformance, inClear, startConformance } from "./conformance.ts";

const user = "rabbitmq:index/user:User";
const permissions = "rabbitmq:index/permissions:Permissions";
const topicPermissions = "rabbitmq:index/topicPermissions:TopicPermissions";
const password = "correct-horse-battery";

let broker: LocalBroker;
let rabbit: Conformance;
beforeAll(async () => {
  broker = await sharedBroker();
  rabbit = await startConformance(broker);
});
afterAll(async () => {
  await rabbit?.stop();
});

describe("User", () => {
  it("keeps its password secret in every answer, even if the program did not mark it", async () => {
    const checked = await rabbit.provider.check(user, { name: "feeder", password, tags: ["monitoring"] });
    const made = await rabbit.provider.create(user, checked.inputs);
    const read = await rabbit.provider.read(user, "feeder", made.outputs, checked.inputs);
    for (const properties of [checked.inputs, made.outputs, read.outputs, read.inputs]) {
      expect(isSecret(properties.password)).toBe(true);
      expect(reveal(properties.password ?? null)).toBe(password);
      expect(inClear(properties)).not.toContain(password);
    }
    expect(JSON.stringify(rabbit.provider.plugin.lines)).not.toContain(password);
    expect(read).toMatchObject({ id: "feeder", outputs: { name: "feeder", tags: ["monitoring"] } });
  });

  it("that exists with this password and these tags is left alone, including its hash", async () => {
    const hash = async () => (await rabbit.ask("GET", "users/hand")).body as { password_hash: string };
    await rabbit.ask("PUT", "users/hand", { password, tags: "monitoring,policymaker" });
    const before = await hash();
    const made = await rabbit.make(user, { name: "hand", password, tags: ["policymaker", "monitoring"] });
    expect(made).toMatchObject({ id: "hand", outputs: { name: "hand", tags: ["policymaker", "monitoring"] } });
    expect(await hash()).toEqual(before);

    await rabbit.make(user, { name: "hand", password, tags: ["monitoring"] });
    const after = await hash();
    expect(after).toMatchObject({ tags: ["monitoring"] });
    expect(after.password_hash).not.toBe(before.password_hash);
  });

  it("can log in with its password, and after an update only with the new one", async () => {
    const name = "o'neil@cmc/2";
    const given = { name, password: secret(password), tags: ["management", "policymaker"] };
    const made = await rabbit.make(user, given);
    const whoami = async (word: string) => {
      const authorization = `Basic ${Buffer.from(`${name}:${word}`).toString("base64")}`;
      return (await fetch(`${broker.managementUrl}/api/whoami`, { headers: { authorization } })).status;
    };
    expect(await whoami(password)).toBe(200);

    const news = { ...made.inputs, password: secret("another-one-entirely"), tags: ["management"] };
    expect((await rabbit.provider.diff(user, made.inputs, news)).detailed).toEqual({
      password: "UPDATE",
      "tags[1]": "DELETE",
    });
    await rabbit.provider.update(user, made.outputs, news);
    expect(await whoami(password)).toBe(401);
    expect(await whoami("another-one-entirely")).toBe(200);
    expect((await rabbit.provider.read(user, name, news, news)).inputs).toEqual(news);
  });

  it("shows a changed password or changed tags as drift", async () => {
    const made = await rabbit.make(user, { name: "drifter", password, tags: ["monitoring", "policymaker"] });
    await rabbit.ask("PUT", "users/drifter", { password, tags: "policymaker,monitoring" });
    const same = await rabbit.provider.read(user, "drifter", made.outputs, made.inputs);
    expect((await rabbit.provider.diff(user, same.inputs, made.inputs)).changed).toBe(false);

    await rabbit.ask("PUT", "users/drifter", { password: "somebody-elses", tags: "administrator" });
    const read = await rabbit.provider.read(user, "drifter", made.outputs, made.inputs);
    expect((await rabbit.provider.diff(user, read.inputs, made.inputs)).detailed).toEqual({
      password: "ADD",
      "tags[0]": "UPDATE",
      "tags[1]": "ADD",
    });
  });

  it("without a password can't log in and has no drift; a password that somebody set is removed", async () => {
    const given = { name: "of-ldap", password: secret(""), tags: ["monitoring"] };
    const made = await rabbit.make(user, given);
    const whoami = async (word: string) => {
      const authorization = `Basic ${Buffer.from(`of-ldap:${word}`).toString("base64")}`;
      return (await fetch(`${broker.managementUrl}/api/whoami`, { headers: { authorization } })).status;
    };
    expect(await whoami("")).toBe(401);
    expect((await rabbit.ask("GET", "users/of-ldap")).body).toMatchObject({ password_hash: "", tags: ["monitoring"] });
    const same = await rabbit.provider.read(user, "of-ldap", made.outputs, made.inputs);
    expect((await rabbit.provider.diff(user, same.inputs, made.inputs)).changed).toBe(false);

    await rabbit.ask("PUT", "users/of-ldap", { password, tags: "monitoring" });
    expect(await whoami(password)).toBe(200);
    const read = await rabbit.provider.read(user, "of-ldap", made.outputs, made.inputs);
    expect((await rabbit.provider.diff(user, read.inputs, made.inputs)).detailed).toEqual({ password: "ADD" });
    await rabbit.provider.update(user, read.outputs, made.inputs);
    expect(await whoami(password)).toBe(401);
  });

  it("is imported without its password, replaced for a new name, and gone once deleted", async () => {
    await rabbit.ask("PUT", "users/found", { password, tags: "" });
    expect(await rabbit.provider.read(user, "found")).toEqual({
      id: "found",
      outputs: { name: "found" },
      inputs: { name: "found" },
    });
    expect(
      (await rabbit.provider.diff(user, { name: "found", password }, { name: "other", password })).replaces,
    ).toEqual(["name"]);
    await rabbit.provider.delete(user, "found", { name: "found" });
    await rabbit.provider.delete(user, "found", { name: "found" });
    expect((await rabbit.provider.read(user, "found")).id).toBe("");
  });

  it("reports an unknown input, a missing name and a missing password together", async () => {
    const { failures } = await rabbit.provider.check(user, { tagz: ["a"] });
    expect(failures.map(({ path }) => path).sort()).toEqual(["name", "password", "tagz"]);
  });
});

describe("Permissions", () => {
  const anchored = { configure: "^(xpublic|amq\\.gen.*)$", write: "^amq\\.gen.*$", read: ".*" };

  it("are set, compared, updated, imported and cleared", async () => {
    await rabbit.make(user, { name: "anonymous", password });
    const made = await rabbit.make(permissions, { user: "anonymous", permissions: anchored });
    expect(made).toMatchObject({ id: "anonymous@/", inputs: { vhost: "/" } });
    expect((await rabbit.ask("GET", "permissions/%2F/anonymous")).body).toMatchObject(anchored);

    await rabbit.ask("PUT", "permissions/%2F/anonymous", { ...anchored, write: ".*" });
    const read = await rabbit.provider.read(permissions, made.id, made.outputs, made.inputs);
    expect((await rabbit.provider.diff(permissions, read.inputs, made.inputs)).detailed).toEqual({
      "permissions.write": "UPDATE",
    });
    await rabbit.provider.update(permissions, read.outputs, made.inputs);
    expect((await rabbit.ask("GET", "permissions/%2F/anonymous")).body).toMatchObject(anchored);

    const imported = await rabbit.provider.read(permissions, made.id);
    expect(imported.inputs).toEqual({ user: "anonymous", vhost: "/", permissions: anchored });
    await rabbit.provider.delete(permissions, made.id, made.outputs);
    expect((await rabbit.provider.read(permissions, made.id, made.outputs, made.inputs)).id).toBe("");
    await rabbit.provider.delete(permissions, made.id, made.outputs);
  });

  it("are replaced for another user or vhost, and name a missing user in the error", async () => {
    const olds = { user: "a", vhost: "/", permissions: anchored };
    expect((await rabbit.provider.diff(permissions, olds, { ...olds, user: "b", vhost: "v" })).replaces).toEqual([
      "user",
      "vhost",
    ]);
    await expect(rabbit.make(permissions, { user: "nobody", permissions: anchored })).rejects.toThrow(
      /permissions of user "nobody" in vhost "\/": the broker answered 400 to PUT: .*user_not_found/,
    );
  });
});

describe("TopicPermissions", () => {
  const cmc = { exchange: "cmc", write: "^v00\\.", read: ".*" };
  const xpublic = { exchange: "xpublic", write: "^$", read: ".*" };

  it("are a set, in which order is no change", async () => {
    await rabbit.make(user, { name: "topical", password });
    const made = await rabbit.make(topicPermissions, { user: "topical", permissions: [xpublic, cmc] });
    const read = await rabbit.provider.read(topicPermissions, made.id, made.outputs, made.inputs);
    const other = await rabbit.provider.check(topicPermissions, { user: "topical", permissions: [cmc, xpublic] });
    expect((await rabbit.provider.diff(topicPermissions, read.inputs, other.inputs)).changed).toBe(false);
  });

  it("drop a removed exchange, show drift, are imported and cleared", async () => {
    const inputs = { user: "topical", vhost: "/", permissions: [cmc] };
    await rabbit.provider.update(topicPermissions, { ...inputs, permissions: [cmc, xpublic] }, inputs);
    expect((await rabbit.provider.read(topicPermissions, "topical@/")).inputs).toEqual(inputs);
    await rabbit.ask("PUT", "topic-permissions/%2F/topical", { ...cmc, write: ".*" });
    const read = await rabbit.provider.read(topicPermissions, "topical@/", inputs, inputs);
    expect((await rabbit.provider.diff(topicPermissions, read.inputs, inputs)).detailed).toEqual({
      "permissions[0].write": "UPDATE",
    });
    await rabbit.provider.delete(topicPermissions, "topical@/", inputs);
    expect((await rabbit.provider.read(topicPermissions, "topical@/", inputs, inputs)).id).toBe("");
    await rabbit.provider.delete(topicPermissions, "topical@/", inputs);
  });

  it("refuse a duplicate exchange", async () => {
    const { failures } = await rabbit.provider.check(topicPermissions, { user: "u", permissions: [cmc, cmc] });
    expect(failures).toEqual([
      { path: "permissions[1].exchange", reason: "duplicates an earlier exchange of the list" },
    ]);
  });
});
