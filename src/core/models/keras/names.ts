/** Classes that Keras exports under another name than they have in Python. */
const pythonNames: Readonly<Record<string, string>> = {
  GroupQueryAttention: "GroupedQueryAttention",
};

/** What Keras calls a layer of a class among those of its container, before it numbers them. */
export function containerName(className: string): string {
  return snakeCase(
    Object.hasOwn(pythonNames, className) ? (pythonNames[className] ?? className) : className,
  );
}

/** Keras's `to_snake_case`, by which it numbers the layers of a container. */
export function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, "")
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}
