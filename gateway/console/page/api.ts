/** What the gateway answered that is not what was asked for, in its own words. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Asks the gateway for JSON. Throws a Refusal, or a TypeError when it cannot be reached. */
export async function ask<Answer>(
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: object,
): Promise<Answer> {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (!response.ok) {
    throw new Refusal(response.status, String(answer?.message ?? response.statusText));
  }
  return answer;
}
