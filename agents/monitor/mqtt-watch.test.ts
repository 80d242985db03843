import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { Metrics } from "../lib/metrics.ts";
import { watchMqtt } from "./mqtt-watch.ts";

// Without a broker; tests/sr3/mqtt.broker.test.ts has one with TLS.

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(onConnection: Parameters<typeof createServer>[1] = (socket) => socket.on("error", () => {})) {
  const server = createServer(onConnection).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("a port that is closed, or has no TLS where it should, is not served", async () => {
  const open = await listen();
  const closed = await listen();
  servers.pop()?.close();
  const plain = await listen((socket) => socket.on("error", () => {}).once("data", () => socket.end("no TLS\r\n")));
  const at = (server: string, port: number, tls: boolean) => ({ server, port, tls, address: "127.0.0.1" });
  const metrics = new Metrics("monitor");
  watchMqtt(metrics, [at("open", open, false), at("closed", closed, false), at("plain", plain, true)]);
  for (const expected of [/server="open"\} 1/, /server="closed"\} 0/, /server="plain"\} 0/])
    expect(await metrics.text()).toMatch(expected);
});
