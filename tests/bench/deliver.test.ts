import { expect, test } from "vitest";
import { type DeliverResult, formatDeliverBench, summariseDeliver } from "./deliver-report.ts";

const result: DeliverResult = {
  plan: { rounds: 3, files: 1000, fileBytes: 40_000 },
  rounds: [
    { sftp: 1000, sender: 900, senderTold: 500 },
    { sftp: 1200, sender: 1200, senderTold: 700 },
    { sftp: 100, sender: 300, senderTold: 600 },
  ],
};

test("the summary has medians and their ratios to sftp's", () => {
  expect(summariseDeliver(result)).toEqual({
    ...{ files: 1000, fileBytes: 40_000, rounds: 3 },
    ...{ sftp: 1000, sender: 900, senderTold: 600, ratio: 0.9, ratioTold: 0.6 },
  });
});

test("the table describes the measurement, and has both ratios", () => {
  const table = formatDeliverBench(result);
  expect(table).toContain("1000 files of 40000 bytes to one sshd on loopback, medians of 3");
  expect(table).toMatch(/sender +900, 0\.90 of that/);
  expect(table).toMatch(/with notifications +600, 0\.60 of that/);
});
