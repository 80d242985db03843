import { expect, it } from "vitest";
import { definitionsSchema } from "../backup/definitions.ts";
import { translate } from "./translate.ts";

const policy = (name: string, pattern: string, definition: object) => ({
  ...{ name, pattern, definition, vhost: "/", "apply-to": "queues", priority: 0 },
});
const queue = (name: string, more: object = {}, vhost = "/") => ({
  ...{ name, vhost, durable: true, auto_delete: false, arguments: {}, ...more },
});

const all = definitionsSchema.parse({
  users: [{ name: "partner", password_hash: "kept", hashing_algorithm: "rabbit_password_hashing_sha256", tags: [] }],
  policies: [
    policy("mirrors", "^q_partner", { "ha-mode": "all", "ha-sync-mode": "automatic" }),
    policy("lazy", "^q_big", { "queue-mode": "lazy", "max-length": 10 }),
    policy("plain", "^q_", { expires: 1000 }),
  ],
  queues: [
    queue("q_partner.1"),
    queue("q_partner.urgent", { arguments: { "x-max-priority": 5 } }),
    queue("q_partner.brief", { durable: false, auto_delete: true }),
    queue("q_partner.1", {}, "other"),
    queue("q_big", { arguments: { "x-queue-mode": "lazy" } }),
    queue("q_other"),
  ],
});

it("a mirrored queue becomes a quorum queue if possible, and is noted if not", () => {
  const { definitions, notes } = translate(all, all);
  const quorum = { "x-queue-type": "quorum", "x-delivery-limit": -1 };
  expect(definitions.queues.map(({ name, vhost, arguments: given }) => [`${vhost} ${name}`, given])).toEqual([
    ["/ q_partner.1", quorum],
    ["/ q_partner.urgent", { "x-max-priority": 5 }],
    ["/ q_partner.brief", {}],
    ["other q_partner.1", {}],
    ["/ q_big", { "x-queue-mode": "lazy" }],
    ["/ q_other", {}],
  ]);
  expect(notes).toContain("queue q_partner.1: was mirrored and becomes a quorum queue");
  expect(notes.filter((note) => note.includes("has one copy"))).toEqual([
    "queue q_partner.urgent: was mirrored and can't become a quorum queue (x-max-priority), so it has one copy, on one host",
    "queue q_partner.brief: was mirrored and can't become a quorum queue (not durable, auto-delete), so it has one copy, on one host",
  ]);
});

it("policies lose keys without meaning in 4.0, users keep their passwords", () => {
  const { definitions } = translate(all, all);
  expect(definitions.policies.map(({ name, definition }) => [name, definition])).toEqual([
    ["lazy", { "max-length": 10 }],
    ["plain", { expires: 1000 }],
  ]);
  expect(definitions.users).toEqual(all.users);
});

it("a policy of the config that mirrors clients' queues counts, although it is not carried over itself", () => {
  const { definitions, notes } = translate(all, { ...all, policies: [] });
  expect(definitions.policies).toEqual([]);
  expect(definitions.queues[0]).toMatchObject({ arguments: { "x-queue-type": "quorum" } });
  expect(notes.some((note) => note.startsWith("policy"))).toBe(false);
});
