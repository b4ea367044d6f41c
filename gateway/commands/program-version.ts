/** The version of this program, `1.2.3`. */
export async function programVersion(): Promise<string> {
  const { default: about } = await import("../../package.json", { with: { type: "json" } });
  return about.version;
}
