import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newSshKey } from "../../hosts/new-key.ts";
import { type ProviderProcess, startProvider } from "../lib/provider-client.ts";
import { secret } from "../lib/values.ts";

const key = newSshKey();

/** A server that sends "started", "exit code 3" and "closed" in one packet, as sshd does on a fast machine. */
const server = new ssh2.Server({ hostKeys: [key.private] }, (client) => {
  client.on("error", () => undefined);
  client.on("authentication", (context) => context.accept());
  client.on("session", (accept) => {
    accept().on("exec", (acceptExec) => {
      const channel = acceptExec();
      channel.stderr.write("at once");
      channel.exit(3);
      channel.end();
    });
  });
});
let provider: ProviderProcess;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  [provider] = await Promise.all([startProvider(join(import.meta.dirname, "main.ts")), once(server, "listening")]);
});
afterAll(async () => {
  await provider.stop();
  server.close();
});

it("gets the exit code of a command from the packet that confirms its start", async () => {
  const { port } = server.address() as AddressInfo;
  const connection = secret({ host: "127.0.0.1", port, user: "one", privateKey: key.private, hostKey: key.public });
  for (let round = 0; round < 5; round++) {
    const create = provider.create("command:remote:Command", { connection, create: "true" });
    await expect(create).rejects.toThrow(/exit code 3.*at once/s);
  }
});
