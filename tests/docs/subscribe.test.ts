import path from "node:path";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { type AnnouncedFormat, type AnnouncedLine, announcedLines } from "../../infra/model/announced.ts";
import { fixtureConfig } from "../../infra/model/fixture.ts";
import { publicServers } from "../../infra/model/public-servers.ts";
import { checkout, textOf } from "./pages.ts";

// The table in docs/subscribe.md, and docs/subscribe/asyncapi.yaml, from the model of the public data server dd of stack op. After an intended
// change, renew them: node_modules/.bin/vitest run --project unit tests/docs/subscribe.test.ts -u

const stack = fixtureConfig("op");
const server = publicServers(stack).find(({ path: key }) => key === "datamarts.dd");
if (!server) throw new TypeError("stack op has no dd");
const lines = announcedLines(server.config);

type Delivered = Exclude<AnnouncedFormat, "v00">;

const bodies: Readonly<Record<Delivered, string>> = {
  exp: "the URL, nothing else",
  v02: "time, base URL, path; headers with sum and size, where they are known",
  v03: "the same as JSON",
};
const clients: Readonly<Record<Delivered, string>> = {
  exp: "any AMQP client",
  v02: "sr3, Sarracenia v2",
  v03: "sr3",
};

function table(): string {
  const rows = lines.map(({ exchange, format, topicPrefix }) => [
    ...[`\`${exchange}\``, `\`${topicPrefix}.\` and the product's folders`],
    ...[bodies[format as Delivered], clients[format as Delivered]],
  ]);
  return [["exchange", "topic", "body", "for"], ["---", "---", "---", "---"], ...rows]
    .map((cells) => (cells[0] === "---" ? `|${cells.join("|")}|\n` : `| ${cells.join(" | ")} |\n`))
    .join("");
}

const path_ = { type: "string", description: "path below the base URL; in v02 URL-encoded" };
const payloads: Readonly<Record<Delivered, object>> = {
  exp: { payload: { type: "string", format: "uri" } },
  v02: {
    payload: { type: "string", description: "YYYYMMDDhhmmss.sss, base URL and path, with a space between them" },
    headers: {
      type: "object",
      properties: {
        sum: { type: "string", description: "d, and the md5 of the content" },
        parts: { type: "string", description: "1,BYTES,1,0,0" },
      },
    },
  },
  v03: {
    payload: {
      type: "object",
      required: ["pubTime", "baseUrl", "relPath"],
      properties: {
        pubTime: { type: "string", description: "YYYYMMDDThhmmss.sss, UTC" },
        baseUrl: { type: "string", format: "uri" },
        relPath: path_,
        size: { type: "integer" },
        identity: {
          type: "object",
          properties: { method: { type: "string" }, value: { type: "string", description: "Base64" } },
        },
      },
    },
  },
};

const nameOf = ({ exchange, format }: AnnouncedLine): string => `${exchange}-${format}`;

/** https://www.asyncapi.com/docs/reference/specification/v3.0.0, and its bindings for AMQP 0.9.1. */
function asyncApi(): string {
  const formats = [...new Set(lines.map(({ format }) => format as Delivered))];
  const channel = ({ exchange, format, topicPrefix }: AnnouncedLine) => ({
    address: `${topicPrefix}.{folders}`,
    description: `Each product once: ${bodies[format as Delivered]}.`,
    parameters: { folders: { description: "The product's folders, with a dot between them." } },
    messages: { product: { $ref: `#/components/messages/${format}` } },
    bindings: {
      amqp: {
        ...{ is: "routingKey", bindingVersion: "0.3.0" },
        exchange: { name: exchange, type: "topic", durable: true, autoDelete: false, vhost: "/" },
      },
    },
  });
  const operation = (line: AnnouncedLine) => ({
    action: "send",
    channel: { $ref: `#/channels/${nameOf(line)}` },
    summary: `Announces each product in the format ${line.format} on ${line.exchange}.`,
  });
  const contentType = (format: Delivered) => (format === "v03" ? "application/json" : "text/plain");
  const each = <Made>(make: (line: AnnouncedLine) => Made) =>
    Object.fromEntries(lines.map((line) => [nameOf(line), make(line)]));
  const document = {
    asyncapi: "3.0.0",
    info: {
      ...{ title: "Announcements of a public data server", version: "1.0.0" },
      description:
        "Every product of the server is announced once on each channel. docs/subscribe.md has the rules for subscribers.",
    },
    servers: {
      broker: {
        ...{ host: `${server?.fullName}:${stack.brokers[server?.config.broker ?? ""]?.tlsPort}`, protocol: "amqps" },
        description: "Log in as anonymous, with the password that the operator publishes.",
        security: [{ $ref: "#/components/securitySchemes/anonymous" }],
      },
    },
    channels: each(channel),
    operations: each(operation),
    components: {
      messages: Object.fromEntries(
        formats.map((format) => [format, { contentType: contentType(format), ...payloads[format] }]),
      ),
      securitySchemes: { anonymous: { type: "userPassword" } },
    },
  };
  return `# Written by tests/docs/subscribe.test.ts from the model.\n${stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

test("the table in docs/subscribe.md has the lines of the model", async () => {
  const page = textOf("docs/subscribe.md").replace(/^\| exchange \|.*\n(\|.*\n)+/m, table);
  expect(page).toContain(table());
  await expect(page).toMatchFileSnapshot(path.join(checkout, "docs/subscribe.md"));
});

test("docs/subscribe/asyncapi.yaml has the lines of the model, and all its references", async () => {
  const text = asyncApi();
  const at = (document: unknown, reference: string) =>
    reference
      .slice(2)
      .split("/")
      .reduce((value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key], document);
  for (const [, reference = ""] of text.matchAll(/\$ref: "?(#\/[^"\n]+)/g)) {
    expect(at(parse(text), reference), reference).toBeDefined();
  }
  await expect(text).toMatchFileSnapshot(path.join(checkout, "docs/subscribe/asyncapi.yaml"));
});
