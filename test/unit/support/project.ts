import { openProject } from "../../../src/core/config/open.ts";
import type { Project } from "../../../src/core/config/project.ts";

/** Opens the project of a folder for one action. */
export async function withProject<T>(
  root: string,
  action: (project: Project) => Promise<T>,
): Promise<T> {
  const project = await openProject(root);
  try {
    return await action(project);
  } finally {
    await project.close();
  }
}
