import type { Services } from "../project/services.ts";

/** **TracIn: Refresh**: reads projects, checkpoints and runs again, with a new compute process. */
export async function refresh(services: Services): Promise<void> {
  services.compute.reset();
  await services.projects.refresh();
  await services.session.reload();
}
