import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";

/**
 * Skips a test aloud when it is not asked for or programs are missing; returns whether it can run. Such tests take minutes, and
 * `npm run test:all` installs nothing for them.
 */
export function canTry(
  t: TestContext,
  o: { readonly variable: string; readonly programs: readonly string[]; readonly install: string },
): boolean {
  const missing = o.programs.filter(
    (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0,
  );
  const why =
    process.env[o.variable] !== "1"
      ? `set ${o.variable}=1 to try it`
      : missing.length > 0
        ? `${missing.join(", ")} missing: apt-get install ${o.install}`
        : null;
  if (why !== null) {
    console.error(`NOT TRIED: ${t.name}: ${why}`);
    t.skip(why);
  }
  return why === null;
}

/** Runs a program to its end and returns what it printed; throws with what it said when it fails. */
export function runProgram(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): string {
  const { status, stdout, stderr } = spawnSync(program, [...args], {
    encoding: "utf8",
    env: { ...process.env, ...environment },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) {
    throw new Error(`${program} ${args.join(" ")}: ${stderr.slice(-2000)}${stdout.slice(-2000)}`);
  }
  return stdout;
}

/** Debian's name of this system, for roots that are made like it. */
export function debianSuite(): string {
  return runProgram("sh", ["-c", '. /etc/os-release; echo "$VERSION_CODENAME"']).trim();
}
