import type { Field } from "../devices/generic-line/line-field.ts";
import type { LineProtocol, Message } from "../devices/generic-line/line-protocol.ts";
import { parseProtocol } from "../devices/generic-line/line-protocol.ts";
import { Pattern } from "../devices/generic-line/pattern.ts";
import type { CheckedDescription } from "./checked-description.ts";

/** Checks a line protocol. */
export function checkLineProtocol(text: string): CheckedDescription {
  const { protocol, problems } = parseProtocol(text);
  return protocol === null
    ? { problems }
    : {
        about: protocol.facts,
        facts: { checksum: protocol.checksum, messages: protocol.messages.map(messageFacts) },
        lines: wordsOf(protocol),
      };
}

function messageFacts(message: Message): object {
  return {
    name: message.name,
    starts: message.starts,
    ignore: message.ignore,
    fields: message.fields.map((field) => ({
      name: field.name,
      where: placeOf(field, message),
      ...codeOf(field),
    })),
  };
}

function codeOf({ content }: Field): { code: string | null; mdc: number | null; unit: string } {
  return content.kind === "serial-number"
    ? { code: null, mdc: null, unit: "" }
    : { code: content.code, mdc: content.mdc, unit: content.unit };
}

function wordsOf({ line, checksum, messages }: LineProtocol): string[] {
  const end = JSON.stringify(String.fromCharCode(...line.end));
  const lines = [
    `lines of up to ${line.charactersMax} characters, ended by ${end}, ${checksum === null ? "without a checksum" : `checksum ${checksum.kind}`}`,
  ];
  for (const message of messages) {
    lines.push("", `message "${message.name}"${formOf(message)}:`);
    lines.push(...(message.ignore ? ["  is ignored"] : message.fields.map(fieldWords(message))));
  }
  return lines;
}

function formOf({ starts, form }: Message): string {
  const begin = starts === "" ? "" : `, begins with ${JSON.stringify(starts)}`;
  if (form === null || form instanceof Pattern) {
    return `${begin}${form === null ? "" : ", by a pattern"}`;
  }
  const { low, high } = form.parts;
  const count = low === high ? String(low) : `${low} to ${high}`;
  return `${begin}, ${count} parts between ${JSON.stringify(form.separator)}`;
}

function fieldWords(message: Message): (field: Field) => string {
  return (field) => {
    const { content } = field;
    const what =
      content.kind === "serial-number" ? "serial number" : `${content.code} ${content.unit}`;
    return `  ${placeOf(field, message).padEnd(PLACE_WIDTH)} ${what}  ${field.name}`;
  };
}

/** Where a field is, counted as the description counts. */
function placeOf({ where }: Field, { form }: Message): string {
  switch (where.kind) {
    case "place":
      return `part ${where.place + 1}`;
    case "key":
      return `key ${JSON.stringify(where.key)}`;
    case "group":
      return `group ${form instanceof Pattern ? (form.groups[where.group] ?? "") : ""}`;
  }
}

const PLACE_WIDTH = 12;
