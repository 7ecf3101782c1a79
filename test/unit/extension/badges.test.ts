import { expect, it, vi } from "vitest";
import { markOf } from "./mark.ts";
import { createStub, Listeners } from "./vscode.ts";

const stub = createStub({ badges: true });
vi.mock("vscode", () => stub.api);

const { ImageBadges } = await import("../../../src/annotations/badges.ts");
const { imageHash } = await import("../../../src/core/datasets/image-hash.ts");
const { Uri } = await import("vscode");

const mark = markOf({
  kind: "proponent",
  rank: 3,
  value: 0.5,
  place: { file: "labels.csv", line: 1, lineCount: 1, image: "a.png" },
});

it("are grey with the reason on an image that was written after the run and holds another one", async () => {
  let written = 1000;
  let bytes = "the image of the run";
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
    fs: {
      stat: async () => ({ mtime: written }),
      readFile: async () => new TextEncoder().encode(bytes),
    },
  });
  let shownMark = mark;
  const marks = {
    begun: 2000,
    onDidChange: new Listeners<void>().event,
    onDidDecide: new Listeners<void>().event,
    onImage: async () => [shownMark],
    decisionOf: () => undefined,
  };
  const badges = new ImageBadges(marks as never);
  const shown = async () => {
    const badge = await badges.provideFileDecoration(Uri.file("/w/a.png"));
    const color = badge?.color as unknown as { readonly id: string };
    const why = /written after the run|changed since the run/.exec(badge?.tooltip ?? "")?.[0];
    return [badge?.badge, color.id, why];
  };
  expect(await shown()).toEqual(["P3", "tracin.proponentForeground", undefined]);
  written = 3000;
  expect(await shown()).toEqual(["P3", "disabledForeground", "written after the run"]);
  // Where the run knows the content, a file that was only written again is as it was.
  const known = imageHash(new TextEncoder().encode(bytes));
  shownMark = { ...mark, place: { ...mark.place, imageHash: known } };
  expect(await shown()).toEqual(["P3", "tracin.proponentForeground", undefined]);
  bytes = "another image";
  expect(await shown()).toEqual(["P3", "disabledForeground", "changed since the run"]);
  badges.dispose();
});
