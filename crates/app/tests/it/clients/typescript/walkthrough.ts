// Uses every operation with the code in docs/how-to/clients.md, and checks the results.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { history } from "./history.js";
import { type Client, type Icp, IcpError, connect, ok, pages } from "./session.js";
import type { components } from "./icp.js";

const variable = (name: string) => process.env[name] ?? assert.fail(`${name} is not set`);
const signedIn = (token: string) => connect(variable("ICP_URL"), async () => token);

async function createOne(client: Client): Promise<Icp> {
  const created = await client.POST("/api/v1/entities/icps", {
    params: { header: { "Idempotency-Key": randomUUID() } },
    body: {
      name: "Enterprise Tech Buyers",
      leadProviderCriteria: [
        { provider: "baseProvider", type: "person", filters: { job_title: ["CTO"] } },
      ],
      customFilterCriteria: [{ type: "maxPeoplePerCompany", value: 3 }],
    },
  });
  const icp = ok(created);
  assert.equal(created.response.headers.get("Location"), `/api/v1/entities/icps/${icp.id}`);
  assert.deepEqual(icp.leadProviderCriteria[0]?.filters, { job_title: ["CTO"] });
  return icp;
}

async function createTwiceWithOneKey(client: Client) {
  const create = (key: string, name: string) =>
    client.POST("/api/v1/entities/icps", {
      params: { header: { "Idempotency-Key": key } },
      body: { name, leadProviderCriteria: [] },
    });
  const key = randomUUID();
  const first = ok(await create(key, "Once"));
  assert.deepEqual(ok(await create(key, "Once")), first);
  assert.equal((await create(key, "Twice")).error?.code, "IDEMPOTENCY_KEY_REUSED");
}

async function list(client: Client) {
  const icps = ok(await client.GET("/api/v1/entities/icps"));
  for (const icp of icps) console.log(icp.id, icp.name, icp.leadsPerList);

  const names = [];
  const query = { limit: 1, active: true, sort: "name" } as const;
  const active = pages((page) => client.GET("/api/v1/entities/icps", { params: { query: { ...query, ...page } } }));
  for await (const page of active) {
    for (const icp of page) names.push(icp.name);
  }
  assert.deepEqual(names, ["Enterprise Tech Buyers", "From Tomorrow", "Once"]);
}

async function readAgainCheaply(client: Client, id: string) {
  const read = await client.GET("/api/v1/entities/icps/{id}", { params: { path: { id } } });
  let icp = ok(read);
  const etag = read.response.headers.get("ETag") ?? "";

  const again = await client.GET("/api/v1/entities/icps/{id}", {
    params: { path: { id }, header: { "If-None-Match": etag } },
  });
  if (again.response.status !== 304) icp = ok(again);
  assert.equal(again.response.status, 304);
  assert.equal(icp.id, id);
}

async function change(client: Client, id: string): Promise<Icp> {
  for (;;) {
    const read = await client.GET("/api/v1/entities/icps/{id}", { params: { path: { id } } });
    const { leadsPerList } = ok(read);
    const changed = await client.PATCH("/api/v1/entities/icps/{id}", {
      params: { path: { id }, header: { "If-Match": read.response.headers.get("ETag") ?? "" } },
      body: { leadsPerList: leadsPerList + 5, activeUntil: null },
    });
    // Another user changed the ICP: read it again.
    if (changed.error?.code === "PRECONDITION_FAILED") continue;
    return ok(changed);
  }
}

async function staleChangesAreRefused(client: Client, id: string) {
  const params = { path: { id }, header: { "If-Match": '"1"' } };
  const changed = await client.PATCH("/api/v1/entities/icps/{id}", { params, body: { name: "Mine" } });
  assert.equal(changed.error?.code, "PRECONDITION_FAILED");
  const deleted = await client.DELETE("/api/v1/entities/icps/{id}", { params });
  assert.equal(deleted.error?.code, "PRECONDITION_FAILED");
}

async function handleErrors(client: Client, id: string): Promise<string[]> {
  const shown = [];
  try {
    ok(await client.PATCH("/api/v1/entities/icps/{id}", {
      params: { path: { id } },
      body: { name: "", customFilterCriteria: [{ type: "maxPercentFromCRM", value: 101 }] },
    }));
  } catch (error) {
    if (!(error instanceof IcpError)) throw error;
    switch (error.problem.code) {
      case "BAD_REQUEST":
        for (const fault of error.problem.errors ?? []) {
          const place = "pointer" in fault ? fault.pointer : fault.parameter;
          shown.push(`${place}: ${fault.detail}`);
        }
        break;
      case "FORBIDDEN":
      case "NOT_FOUND":
        shown.push("This ICP does not exist, or you have no access.");
        break;
      default:
        throw error;
    }
  }
  return shown;
}

// Skips filters of unknown types, which a newer version of the service may have stored.
function prompts(icp: Icp): string[] {
  type CustomFilter = components["schemas"]["CustomFilter"];
  return (icp.customFilterCriteria as CustomFilter[]).flatMap((filter) => {
    switch (filter.type) {
      case "website":
      case "ai":
        return [filter.prompt];
      case "webscraping":
        return [filter.extractionPrompt, filter.pageFindingPrompt];
      default:
        return [];
    }
  });
}

async function code(answer: Promise<{ error?: { code: string } }>) {
  return (await answer).error?.code;
}

async function walk() {
  const client = signedIn(variable("ICP_TOKEN"));
  const other = signedIn(variable("ICP_OTHER_TOKEN"));
  const { id } = await createOne(client);
  await createTwiceWithOneKey(client);
  await list(client);
  await readAgainCheaply(client, id);
  assert.equal((await change(client, id)).leadsPerList, 15);
  await staleChangesAreRefused(client, id);
  assert.deepEqual(await handleErrors(client, id), [
    "/name: must not be empty",
    "/customFilterCriteria/0/value: must be from 0 to 100, not 101",
  ]);

  const newer = ok(await client.GET("/api/v1/entities/icps", { params: { query: { name: "tomorrow" } } }));
  assert.deepEqual(newer.flatMap(prompts), ["Is it new?"]);

  const path = "/api/v1/entities/icps/{id}";
  assert.equal(await code(signedIn("invalid").GET("/api/v1/entities/icps")), "UNAUTHORIZED");
  assert.equal(await code(other.GET(path, { params: { path: { id } } })), "FORBIDDEN");
  const deleted = await client.DELETE(path, { params: { path: { id } } });
  ok(deleted);
  assert.equal(deleted.response.status, 204);
  assert.equal(await code(client.GET(path, { params: { path: { id } } })), "NOT_FOUND");

  const [tomorrow] = newer;
  assert(tomorrow !== undefined);
  await history(client, other, tomorrow);
  await askService(client);
}

async function askService(client: Client) {
  assert.equal((await client.GET("/health/live")).response.status, 200);
  assert.equal((await client.GET("/health/ready")).data?.status, "ready");
  assert("openapi" in ok(await client.GET("/api/v1/openapi.json")));
}

// Sends requests through a proxy that loses responses (`unreliable.rs`).
async function repeat() {
  const client = connect(variable("ICP_UNRELIABLE_URL"), async () => variable("ICP_OTHER_TOKEN"));
  const { id } = await createOne(client);
  const body = { name: "Without a key", leadProviderCriteria: [] };
  await assert.rejects(client.POST("/api/v1/entities/icps", { body }));
  const params = { path: { id } };
  const patch = () => client.PATCH("/api/v1/entities/icps/{id}", { params, body: { leadsPerList: 7 } });
  assert.equal(ok(await patch()).leadsPerList, 7);
  await assert.rejects(patch());
  const names = ok(await client.GET("/api/v1/entities/icps")).map((icp) => icp.name);
  assert.deepEqual(names, ["Enterprise Tech Buyers", "Without a key"]);
  ok(await client.DELETE("/api/v1/entities/icps/{id}", { params }));
}

await walk();
await repeat();
