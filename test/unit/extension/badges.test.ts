import { expect, it, vi } from "vitest";
import { markOf } from "./mark.ts";
import { createStub, Listeners } from "./vscode.ts";

const stub = createStub({ badges: true });
vi.mock("vscode", () => stub.api);

const { ImageBadges } = await import("../../../src/annotations/badges.ts");
const { Uri } = await import("vscode");

const mark = markOf({
  kind: "proponent",
  rank: 3,
  value: 0.5,
  place: { file: "labels.csv", line: 1, lineCount: 1, image: "a.png" },
});

it("are grey with the reason on an image that was written after the run", async () => {
  let written = 1000;
  Object.assign(stub.api, {
    FileDecoration: class {
      constructor(
        readonly badge: string,
        readonly tooltip: string,
        readonly color: { readonly id: string },
      ) {}
    },
    ThemeColor: class {
      constructor(readonly id: string) {}
    },
  });
  Object.assign(stub.api["workspace"] as object, {
    fs: { stat: async () => ({ mtime: written }) },
  });
  const marks = {
    begun: 2000,
    onDidChange: new Listeners<void>().event,
    onDidDecide: new Listeners<void>().event,
    onImage: async () => [mark],
    decisionOf: () => undefined,
  };
  const badges = new ImageBadges(marks as never);
  const shown = async () => {
    const badge = await badges.provideFileDecoration(Uri.file("/w/a.png"));
    const color = badge?.color as unknown as { readonly id: string };
    return [badge?.badge, color.id, badge?.tooltip?.includes("written after the run")];
  };
  expect(await shown()).toEqual(["P3", "tracin.proponentForeground", false]);
  written = 3000;
  expect(await shown()).toEqual(["P3", "disabledForeground", true]);
  badges.dispose();
});
