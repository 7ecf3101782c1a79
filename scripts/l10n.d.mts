export function hostTexts(root: string): Promise<Readonly<Record<string, string>>>;
