import { describe, expect, it } from "vitest";
import { notesStack } from "../../../infra/adopt/fixture-pair.ts";
import { formatAdoption } from "./report.ts";

describe("the table of an adoption", () => {
  it("shows what was found, what the stack expresses, and what it can't express, with the consequences", () => {
    const lines = formatAdoption(notesStack()).split("\n");
    expect(lines).toContain("                            found   in the stack");
    expect(lines).toContain("  users                         3              3   root feeder username");
    expect(lines).toContain("  virtual IPs                   1              1   bunny-op 142.135.12.59");
    const at = lines.indexOf("  bunny1:/etc/rabbitmq/rabbitmq.config:10");
    expect(lines.slice(at + 1, at + 3)).toEqual([
      "      rabbitmq_auth_backend_ldap.network",
      expect.stringMatching(/^ {6}-> stays in the file, /),
    ]);
  });
});
