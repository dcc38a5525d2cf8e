// Creates a client that signs in, repeats failed requests if this is safe, and throws errors as exceptions.
import createClient from "openapi-fetch";
import type { components, paths } from "./icp.js";

export type Icp = components["schemas"]["Icp"];
export type Problem = components["schemas"]["Problem"];

export type Client = ReturnType<typeof createClient<paths>>;

export function connect(baseUrl: string, getToken: () => Promise<string | null>): Client {
  const client = createClient<paths>({ baseUrl, fetch: repeating });
  client.use({
    async onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${await getToken()}`);
      return request;
    },
  });
  return client;
}

export class IcpError extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail} (request ${problem.requestId})`);
  }
}

type Result<Data> = { data?: Data; error?: Problem; response: Response };

// Returns the data of a successful response, and throws the problem of an error.
export function ok<Data>({ data, error, response }: Result<Data>): Data {
  if (response.ok) return data as Data;
  // A proxy in front of the service may respond with its own error.
  if (error?.code === undefined) throw new Error(`unexpected status ${response.status}`);
  throw new IcpError(error);
}

// Returns page after page, until a response has no link to the next one.
export async function* pages<Data>(get: (page: { cursor?: string }) => Promise<Result<Data>>): AsyncGenerator<Data> {
  for (let page: { cursor?: string } | undefined = {}; page !== undefined; ) {
    const result = await get(page);
    yield ok(result);
    const next = result.response.headers.get("Link")?.match(/<([^>]+)>; rel="next"/)?.[1];
    const cursor = next && new URL(next, result.response.url).searchParams.get("cursor");
    page = cursor ? { cursor } : undefined;
  }
}

const ATTEMPTS = 5;

// Sends a request again if this is safe. After a 409, a 429 or a 503, nothing was done. After any other 5xx or without
// a response, a write may have been stored.
export async function repeating(request: Request): Promise<Response> {
  const repeatable = ["GET", "PUT", "DELETE"].includes(request.method) || request.headers.has("Idempotency-Key");
  for (let attempt = 1; ; attempt++) {
    let wait = Math.random() * 200 * 2 ** attempt;
    try {
      const response = await fetch(request.clone(), { signal: AbortSignal.timeout(30_000) });
      const again = [409, 429, 503].includes(response.status) || (response.status >= 500 && repeatable);
      if (!again || attempt === ATTEMPTS) return response;
      wait += 1000 * (Number(response.headers.get("Retry-After")) || 0);
    } catch (error) {
      if (!repeatable || attempt === ATTEMPTS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
