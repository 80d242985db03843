import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { fixtureConfig } from "../../infra/model/fixture.ts";
import { secretsOf, shownSecrets, watchArguments } from "./secrets.ts";

const secrets = new Map([["feeder", "s3cret-of-feeder"]]);

it.each(["", "a", "ab", "abc"])("a secret after %j in base64 is found", (before) => {
  const text = Buffer.from(`${before}s3cret-of-feeder and more`).toString("base64");
  expect(shownSecrets(text, secrets)).toEqual(["feeder"]);
});

it("a secret in plain text is found and reported by its name", () => {
  expect(shownSecrets("password=s3cret-of-feeder", secrets)).toEqual(["feeder"]);
  expect(shownSecrets("password=s3cret-of", secrets)).toEqual([]);
});

it("a private key is found by its unique lines, however line ends are written", () => {
  const config = fixtureConfig();
  const [kind, own, end] = ["KIND", "OWN", "END"].map((word) => word.repeat(20));
  const deliveryKey = `-----BEGIN OPENSSH PRIVATE KEY-----\n${kind}\n${own}\n${end}\n-----END OPENSSH PRIVATE KEY-----\n`;
  const all = secretsOf({ ...config, secrets: { ...config.secrets, deliveryKey } });
  expect(shownSecrets(JSON.stringify(deliveryKey), all)).toEqual(["deliveryKey, line 2"]);
  expect(shownSecrets(Buffer.from(`${kind}\n${end}`).toString("base64"), all)).toEqual([]);
});

it("a secret among a process's arguments is seen", async () => {
  const watch = watchArguments(secrets);
  const child = spawn("sh", ["-c", "echo up; read line; : s3cret-of-feeder"]);
  await once(child.stdout, "data");
  expect(watch.stop().shown).toEqual(["feeder in the arguments of sh"]);
  child.stdin.end("\n");
  await once(child, "close");
});
