import { describe, expect, it } from "vitest";
import { buildCommand, imageName, imageRecipe } from "./image.ts";

const settings = {
  options: ['Acquire::Retries "3";'],
  mirror: "http://m/debian",
  securityMirror: "http://m/debian-security",
};

describe("a base image", () => {
  it("has the same name for the same recipe, and another name after any change", () => {
    const recipe = imageRecipe("bookworm", settings);
    expect(imageName(recipe)).toBe(imageName(imageRecipe("bookworm", settings)));
    const changed = [
      imageRecipe("trixie", settings),
      imageRecipe("bookworm", { ...settings, mirror: "http://other/debian" }),
      { ...recipe, packages: [...recipe.packages, "less"] },
      { ...recipe, version: recipe.version + 1 },
    ];
    expect(new Set([recipe, ...changed].map(imageName)).size).toBe(5);
  });

  it("is built in its own namespaces, so that nothing stays mounted if the build is killed", () => {
    const command = buildCommand(imageRecipe("bookworm", settings), "/target");
    expect(command.slice(0, command.indexOf("mmdebstrap"))).toEqual(
      expect.arrayContaining(["unshare", "--mount", "--pid", "--kill-child"]),
    );
    expect(command.indexOf("/target")).toBe(command.indexOf("bookworm") + 1);
  });
});
