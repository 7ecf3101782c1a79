// Writes media/tracin.schema.json from the schema in src/core/config/config.ts.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const folder = await mkdtemp(join(tmpdir(), "tracin-schema-"));
try {
  const outfile = join(folder, "schema.mjs");
  await build({
    entryPoints: ["src/core/config/schema.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
  });
  const { configJsonSchema } = await import(pathToFileURL(outfile).href);
  await writeFile("media/tracin.schema.json", `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
