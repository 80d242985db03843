import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Client } from "basic-ftp";
import { afterEach, expect, test } from "vitest";
import { FtpConnection } from "./ftp-connection.ts";

const servers: Server[] = [];
const sockets: Socket[] = [];
const client = new Client();
afterEach(() => {
  client.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listening(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    onConnection(socket);
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const content = Buffer.from("12345");

/** Uploads to a server that confirms each transfer, and answers SIZE like this. */
async function uploaded(sizeAnswer: string): Promise<{ readonly outcome: object; readonly commands: string[] }> {
  const commands: string[] = [];
  let control: Socket | undefined;
  const dataPort = await listening((data) => data.resume().on("end", () => control?.write("226 complete\r\n")));
  const answers: Readonly<Record<string, string>> = {
    EPSV: `229 Entering Extended Passive Mode (|||${dataPort}|)`,
    STOR: "150 send it",
    SIZE: sizeAnswer,
  };
  const port = await listening((socket) => {
    control = socket;
    socket.write("220 ready\r\n");
    socket.on("data", (bytes) => {
      const command = bytes.toString().trim();
      commands.push(command);
      socket.write(`${answers[command.split(" ")[0] ?? ""] ?? "250 done"}\r\n`);
    });
  });
  await client.connect("127.0.0.1", port);
  const server = { mode: "passive", connectTimeoutMs: 5000, idleTimeoutMs: 5000 } as ConstructorParameters<
    typeof FtpConnection
  >[1];
  const rules = { root: "", makeDirectories: false, fileMode: 0o644, directoryMode: 0o755 };
  const connection = new FtpConnection(client, server, rules);
  const outcome = await connection.put({
    ...{ directory: "", name: "a.gif", partName: "a.gif.tmp" },
    source: {
      sizeBytes: content.length,
      async *chunks() {
        yield content;
      },
      isUnchanged: async () => true,
    },
  });
  return { outcome, commands };
}

test.each(["213 5", "502 unknown command"])(
  "a file that the server confirms and whose size is %s is there",
  async (size) => {
    const { outcome, commands } = await uploaded(size);
    expect(outcome).toEqual({ kind: "there" });
    expect(commands).toContain("RNTO ./a.gif");
  },
);

test("a file of which the server has another size, because a stranger was first, gets no name and goes again", async () => {
  const { outcome, commands } = await uploaded("213 8");
  expect(outcome).toEqual({ kind: "lost", reason: "the server has 8 bytes of ./a.gif.tmp instead of 5" });
  expect(commands).toContain("DELE ./a.gif.tmp");
  expect(commands.some((command) => command.startsWith("RNTO"))).toBe(false);
});
