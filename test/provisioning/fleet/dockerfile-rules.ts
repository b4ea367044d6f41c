/** What is wrong with a Dockerfile: bases without a digest, root, things fetched past the lockfile, secrets. */
export function dockerfileProblems(text: string): string[] {
  const steps = stepsOf(text);
  const found: string[] = [];
  const args = new Map<string, string>();
  for (const { word, rest } of steps) {
    if (word === "ARG") {
      const [name = "", value] = rest.split("=");
      if (value !== undefined) {
        args.set(name, value);
      }
    } else if (word === "FROM") {
      const [image = ""] = rest.split(" ");
      const base = image.replace(/^\$\{(\w+)\}$/, (_, name: string) => args.get(name) ?? "");
      if (!/@sha256:[0-9a-f]{64}$/.test(base)) {
        found.push(`${base}: no digest`);
      }
    } else {
      found.push(...stepProblems(word, rest));
    }
  }
  const users = steps.filter(({ word }) => word === "USER").map(({ rest }) => rest);
  if (!/^[1-9]\d*:[1-9]\d*$/.test(users.at(-1) ?? "")) {
    found.push("it runs as root, or as a name that compose cannot compare");
  }
  return found;
}

function stepProblems(word: string, rest: string): string[] {
  switch (word) {
    case "ADD":
      return ["ADD unpacks and fetches: use COPY"];
    case "COPY":
      return /^\.\s/.test(rest) ? [`COPY ${rest}: name what is copied`] : [];
    case "RUN":
      return [
        ...(/\b(curl|wget|apt-get|apk|git)\b/.test(rest.replace(DEBIAN, ""))
          ? [`it fetches past the lockfile: ${rest}`]
          : []),
        ...(/npm (install|i)\b/.test(rest) ? ["use npm ci"] : []),
        ...(/npm ci/.test(rest) && !rest.includes("--ignore-scripts")
          ? ["npm ci without --ignore-scripts"]
          : []),
      ];
    case "ENV":
      return /^(NODE_ENV)=/.test(rest) ? [] : [`${rest}: settings come from outside`];
    default:
      return [];
  }
}

/** The one thing that comes from Debian, signed by it. */
const DEBIAN =
  /^apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf \/var\/lib\/apt\/lists\/\*$/;

/** Steps with their continued lines, without comments. */
function stepsOf(text: string): { word: string; rest: string }[] {
  return text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [word = "", ...rest] = line.split(" ");
      return { word, rest: rest.join(" ") };
    });
}
