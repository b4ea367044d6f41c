/**
 * Node-RED clones a message for every wire of an output but the first, with a general deep clone: 1.5 µs for each reading. A
 * message of the ward nodes has a known shape, so a clone of it costs a twentieth. Whatever has another shape, because a
 * flow put something into it, is left to Node-RED.
 */
export function cloneOfWardMessage(message: unknown): object | null {
  if (!isPlain(message) || !isPlain(message["ward"])) {
    return null;
  }
  const ward = cloneOfWard(message["ward"]);
  const payload = cloneOfPayload(message["payload"]);
  if (ward === null || payload === null) {
    return null;
  }
  for (const [name, value] of Object.entries(message)) {
    if (name !== "ward" && name !== "payload" && !isSimple(value)) {
      return null;
    }
  }
  return { ...message, payload, ward };
}

type Fields = Readonly<Record<string, unknown>>;

function cloneOfPayload(payload: unknown): unknown {
  if (payload instanceof Uint8Array) {
    return Buffer.from(payload);
  }
  return cloneOfList(payload, cloneOfItem);
}

function cloneOfWard(ward: Fields): object | null {
  const clone: Record<string, unknown> = { ...ward };
  for (const [name, value] of Object.entries(ward)) {
    if (!isSimple(value)) {
      clone[name] = Array.isArray(value) ? cloneOfList(value, cloneOfFlat) : cloneOfFlat(value);
      if (clone[name] === null) {
        return null;
      }
    }
  }
  return clone;
}

/** A reading has one list (its quality), a waveform two and the ratio of its period; all are copied unless they are frozen. */
function cloneOfItem(item: unknown): object | null {
  if (!isPlain(item)) {
    return null;
  }
  return isPlainReading(item) ? { ...item } : cloneOfAnyItem(item);
}

/** Just the fields of a reading, none of which anybody can change from outside: the usual case. */
function isPlainReading(item: Fields): boolean {
  const { kind, device, boot, take, index, code, mdc, value, text, unit, path } = item;
  const { at, clock, deviceAt, quality } = item;
  return (
    kind === "reading" &&
    isSimple(value) &&
    isSimple(device) &&
    isSimple(boot) &&
    isSimple(take) &&
    isSimple(index) &&
    isSimple(code) &&
    isSimple(mdc) &&
    isSimple(text) &&
    isSimple(unit) &&
    isSimple(path) &&
    isSimple(at) &&
    isSimple(clock) &&
    isSimple(deviceAt) &&
    Object.isFrozen(quality) &&
    Object.keys(item).length === READING_FIELDS
  );
}

const READING_FIELDS = 15;

function cloneOfAnyItem(item: Fields): object | null {
  const clone: Record<string, unknown> = { ...item };
  for (const [name, value] of Object.entries(item)) {
    if (!isSimple(value)) {
      const copy = Array.isArray(value) ? cloneOfSimpleList(value) : cloneOfFlat(value);
      if (copy === null) {
        return null;
      }
      clone[name] = copy;
    }
  }
  return clone;
}

function cloneOfFlat(value: unknown): object | null {
  return isPlain(value) && Object.values(value).every(isSimple) ? { ...value } : null;
}

function cloneOfSimpleList(list: readonly unknown[]): unknown[] | null {
  return list.every(isSimple) ? [...list] : null;
}

function cloneOfList(
  list: unknown,
  cloneOf: (entry: unknown) => object | null,
): readonly object[] | null {
  if (!Array.isArray(list)) {
    return null;
  }
  const clones: object[] = [];
  for (const entry of list) {
    const clone = cloneOf(entry);
    if (clone === null) {
      return null;
    }
    clones.push(clone);
  }
  return clones;
}

function isSimple(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function");
}

function isPlain(value: unknown): value is Fields {
  return (
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}
