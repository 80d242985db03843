import { describe, expect, it } from "vitest";
import { labStacks } from "../engine/lab-stacks.ts";
import { stackSection, stackText } from "../engine/stack-config.ts";
import { derivedText, labSpec } from "./stack.ts";

const names = Object.keys(labStacks) as (keyof typeof labStacks)[];

describe.each(names)("the lab of stack %s", (name) => {
  it("has the addresses that stand in the committed file", async () => {
    const spec = await labSpec(name, labStacks[name]);
    const hosts = stackSection(stackText(name), "hosts") as Record<string, { address: string }>;
    expect(spec).toMatchObject({ name, base: name, index: labStacks[name] });
    expect(spec.hosts.map(({ address }) => address)).toEqual(Object.values(hosts).map(({ address }) => address));
    for (const { address } of spec.hosts) expect(address).toContain(`10.203.${labStacks[name]}.`);
  });

  it("has one broker host with a disk of its own, which can be full alone", async () => {
    const { hosts } = await labSpec(name, labStacks[name]);
    expect(hosts.filter(({ diskMb }) => diskMb !== undefined).map((host) => host.name)).toEqual(["bunny1"]);
  });

  it("is derived from to another subnet, with keys of its own, and nothing else differs", () => {
    const text = stackText(name);
    const derived = derivedText(text, name, "trial", 77);
    expect(derived).not.toContain(`10.203.${labStacks[name]}.`);
    expect(derived).not.toContain(`labs/${name}/`);
    const back = derived
      .replaceAll("10.203.77.", `10.203.${labStacks[name]}.`)
      .replaceAll("labs/trial/", `labs/${name}/`);
    expect(back).toBe(text);
  });
});

describe("a lab", () => {
  it("of a committed stack's name is that stack's, and no other's", async () => {
    await expect(labSpec("lab4", 4, "lab")).rejects.toThrow("is the lab of stack lab4, not of lab");
  });

  it("is made from no stack but those for labs", async () => {
    await expect(labSpec("trial", 7, "op")).rejects.toMatchObject({ remedy: "there are: lab, lab4" });
  });
});
