/** Entry of the compute process: serves the extension host over the channel of its fork, and ends with it. */
import { join } from "node:path";
import { connectTo, serveCompute } from "../protocol/rpc.ts";
import { createService } from "./service.ts";
import { computeSettings } from "./settings.ts";

process.once("disconnect", () => process.exit());

serveCompute(
  connectTo(process),
  createService(
    computeSettings({
      processes: Number(process.env["TRACIN_PROCESSES"] ?? 0),
      memoryLimit: Number(process.env["TRACIN_MEMORY_LIMIT"] ?? 0),
      engine: process.env["TRACIN_ENGINE"],
      shardProgram: join(__dirname, "shard.js"),
      isServing: true,
      // What is written there goes to the extension's log.
      onEngine: ({ reason }) => void process.stdout.write(`${reason}\n`),
    }),
  ),
);
