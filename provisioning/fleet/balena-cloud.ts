import { errorText, WardError } from "../../gateway/errors.ts";
import { asArray, flag, idOf, list, number, text } from "./answer.ts";
import type { CloudDevice, CloudRelease, CloudState, FleetCloud } from "./cloud.ts";

export interface BalenaLogin {
  /** `https://api.balena-cloud.com`, or an openBalena of the house. */
  readonly apiUrl: string;
  /** An API key, best one of this fleet alone. */
  readonly token: string;
}

/**
 * balena's API through balena-sdk, which is loaded only here: nothing of it is on a gateway. Throws WardError
 * `WARD_FLEET_SDK` where it is not installed, `WARD_FLEET_API` for what the API refuses.
 */
export async function openBalenaCloud({ apiUrl, token }: BalenaLogin): Promise<FleetCloud> {
  const { getSdk } = await import("balena-sdk").catch((error: unknown) => {
    throw new WardError(
      "WARD_FLEET_SDK",
      "Cannot manage a fleet: balena-sdk is not installed. Run npm ci without --omit=dev.",
      { cause: error },
    );
  });
  const sdk = getSdk({ apiUrl, dataDirectory: false, isBrowser: false });
  await sdk.auth.loginWithToken(token);
  return new BalenaCloud(sdk.pine);
}

type Pine = ReturnType<(typeof import("balena-sdk"))["getSdk"]>["pine"];

class BalenaCloud implements FleetCloud {
  readonly #pine: Pine;

  constructor(pine: Pine) {
    this.#pine = pine;
  }

  async state(slug: string): Promise<CloudState> {
    const [fleet] = asArray(
      await asked("the fleet", () =>
        this.#pine.get({
          resource: "application",
          options: { $select: ["id", "should_track_latest_release"], $filter: { slug } },
        }),
      ),
    );
    if (fleet === undefined) {
      throw new WardError(
        "WARD_FLEET_UNKNOWN",
        `Cannot find the fleet ${slug}: there is none, or this login may not see it. Check the slug and the API key.`,
      );
    }
    const application = number(fleet, "id");
    return {
      tracksLatest: flag(fleet, "should_track_latest_release"),
      devices: await this.#devices(application),
      releases: await this.#releases(application),
    };
  }

  async setVariable(
    device: number,
    { name, value }: { readonly name: string; readonly value: string },
  ): Promise<void> {
    const there = await this.#variable(device, name);
    await asked(`to set ${name}`, async () => {
      const resource = "device_environment_variable";
      await (there === null
        ? this.#pine.post({ resource, body: { device, name, value } })
        : this.#pine.patch({ resource, id: there, body: { value } }));
    });
  }

  async removeVariable(device: number, name: string): Promise<void> {
    const there = await this.#variable(device, name);
    if (there !== null) {
      await asked(`to remove ${name}`, () =>
        this.#pine.delete({ resource: "device_environment_variable", id: there }),
      );
    }
  }

  async pin(device: number, release: number): Promise<void> {
    const body = { is_pinned_on__release: release };
    await asked("to pin a device", () =>
      this.#pine.patch({ resource: "device", id: device, body }),
    );
  }

  async rename(device: number, name: string): Promise<void> {
    const body = { device_name: name };
    await asked("to rename a device", () =>
      this.#pine.patch({ resource: "device", id: device, body }),
    );
  }

  async #devices(application: number): Promise<CloudDevice[]> {
    const answer = await asked("for the devices", () =>
      this.#pine.get({
        resource: "device",
        options: {
          $select: [
            "id",
            "uuid",
            "device_name",
            "is_online",
            "last_connectivity_event",
            "os_version",
          ],
          $filter: { belongs_to__application: application },
          $expand: {
            is_running__release: { $select: ["id"] },
            is_pinned_on__release: { $select: ["id"] },
            device_environment_variable: { $select: ["id", "name", "value"] },
          },
          $orderby: { uuid: "asc" },
        },
      }),
    );
    return asArray(answer).map((device) => ({
      id: number(device, "id"),
      uuid: text(device, "uuid"),
      name: text(device, "device_name"),
      isOnline: flag(device, "is_online"),
      lastSeen: text(device, "last_connectivity_event") || null,
      os: text(device, "os_version") || null,
      running: idOf(list(device, "is_running__release")),
      pinned: idOf(list(device, "is_pinned_on__release")),
      variables: Object.fromEntries(
        list(device, "device_environment_variable").map((one) => [
          text(one, "name"),
          text(one, "value"),
        ]),
      ),
    }));
  }

  async #releases(application: number): Promise<CloudRelease[]> {
    const answer = await asked("for the releases", () =>
      this.#pine.get({
        resource: "release",
        options: {
          $select: ["id", "commit", "raw_version"],
          $filter: {
            belongs_to__application: application,
            status: "success",
            is_final: true,
            is_invalidated: false,
          },
          $orderby: { id: "desc" },
        },
      }),
    );
    return asArray(answer).map((release) => ({
      id: number(release, "id"),
      commit: text(release, "commit"),
      version: text(release, "raw_version"),
    }));
  }

  /** The id of a device's variable, or null. */
  async #variable(device: number, name: string): Promise<number | null> {
    const answer = await asked(`for ${name}`, () =>
      this.#pine.get({
        resource: "device_environment_variable",
        options: { $select: ["id"], $filter: { device, name } },
      }),
    );
    return idOf(asArray(answer));
  }
}

async function asked<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    throw new WardError("WARD_FLEET_API", `Cannot ask balena ${what}: ${errorText(error)}.`, {
      cause: error,
    });
  }
}
