import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** An empty folder for each test of a file. */
export function emptyFolder(): { readonly root: string } {
  const folder = { root: "" };
  beforeEach(async () => {
    folder.root = await mkdtemp(join(tmpdir(), "tracin-test-"));
  });
  afterEach(() => rm(folder.root, { recursive: true, force: true }));
  return folder;
}
